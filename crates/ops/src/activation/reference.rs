//! The activations in plain `f64`.

use super::Activation;

/// f(x)
pub fn activation_reference(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Gelu => x * normal_distribution(x),
        Activation::Silu => x * sigmoid(x),
        Activation::Elu => {
            if x > 0.0 {
                x
            } else {
                x.exp_m1()
            }
        }
    }
}

/// f'(x)
#[cfg(test)]
pub fn activation_reference_slope(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
        Activation::Tanh => 1.0 - x.tanh().powi(2),
        Activation::Gelu => normal_distribution(x) + x * normal_density(x),
        Activation::Silu => sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
        Activation::Elu => x.min(0.0).exp(),
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn normal_density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Φ(x) = ½ + φ(x) Σ x^(2k+1) / (2k+1)!!, whose terms have one sign (Marsaglia, 2004).
fn normal_distribution(x: f64) -> f64 {
    // 1 - Φ(10) is less than 1e-23.
    if x.abs() > 10.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut odd) = (0.0, x, 1.0);
    while term != 0.0 && sum + term != sum {
        sum += term;
        odd += 2.0;
        term *= x * x / odd;
    }
    0.5 + normal_density(x) * sum
}

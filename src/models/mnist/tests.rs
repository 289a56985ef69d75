use super::Mnist;
use super::config::MnistSettings;
use super::network::{KEEP, network};
use crate::data::mnist::{CLASSES, SHAPE};
use crate::models::classify::tests::{self as fixed, Trained, distance, set_waves, tolerance};
use crate::models::classify::{Batch, Classifier, Trainer, names};
use crate::ops::{Cpu, Isa};

const BATCH: usize = 6;
const RATE: f64 = 0.01;
/// The amplitude of each parameter's wave.
const SIZES: [f64; 8] = [0.2, 0.1, 0.05, 0.1, 0.03, 0.1, 0.05, 0.1];

/// The network with and without dropout.
fn fixed_network(dropout: bool) -> Classifier {
    let keep = if dropout { KEEP } else { 1.0 };
    let classifier = Classifier::new(SHAPE, 1, |images| network(images, CLASSES, keep)).unwrap();
    set_waves(&classifier, &SIZES);
    classifier
}

fn fixed_trainer(cpu: &Cpu, dropout: bool, towers: usize) -> Trainer<'_> {
    let mut settings = MnistSettings::default();
    settings.train.descent.towers = towers;
    Trainer::new::<Mnist>(cpu, &settings, fixed_network(dropout), names(CLASSES)).unwrap()
}

fn batch() -> Batch {
    fixed::batch(BATCH, SHAPE.values(), 0.5)
}

fn train(cpu: &Cpu, dropout: bool, towers: usize) -> Trained {
    fixed::train(fixed_trainer(cpu, dropout, towers), &batch(), RATE)
}

/// Numbers of TensorFlow 2.15:
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// B, SIZES = 6, [.2, .1, .05, .1, .03, .1, .05, .1]
/// def wave(i, shape):
///     n = np.prod(shape)
///     return (np.sin(np.arange(n) * (0.37 + 0.11 * i)) * SIZES[i]).reshape(shape).astype("f")
/// x = (np.sin(np.arange(B * 784) ** 1.1 * 0.61) / 2).reshape(B, 28, 28, 1).astype("f")
/// labels = np.arange(B) * 7 % 10
/// v = [tf.Variable(wave(i, s)) for i, s in enumerate([[5, 5, 1, 32], [32], [5, 5, 32, 64],
///      [64], [3136, 512], [512], [512, 10], [10]])]
/// def conv(x, i):
///     y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, v[i], [1] * 4, "SAME"), v[i + 1]))
///     return tf.nn.max_pool(y, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
/// y = tf.reshape(conv(conv(x, 0), 2), [B, -1])
/// z = tf.matmul(tf.nn.relu(tf.matmul(y, v[4]) + v[5]), v[6]) + v[7]
/// loss = tf.reduce_mean(
///     tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=z))
/// gradients = tf.gradients(loss, v)
/// loss += 5e-4 * sum(tf.nn.l2_loss(p) for p in v[4:])
/// train = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)
/// length = lambda x: float(np.sqrt(np.square(x.astype("d")).sum()))
/// with tf.Session() as s:
///     s.run(tf.global_variables_initializer()); first = s.run(v)
///     print([(length(g), g.ravel() @ np.sin(np.arange(g.size) * 0.5)) for g in s.run(gradients)])
///     print([float(s.run([loss, train])[0]) for _ in range(5)])
///     print([length(a - f) for a, f in zip(s.run(v), first)])
/// ```
const LOSSES: [f64; 5] = [
    2.4912331104278564,
    2.416001796722412,
    2.3005223274230957,
    2.174816131591797,
    2.048954486846924,
];
/// The length of each gradient of the first cross-entropy, and its product with a wave.
const GRADIENTS: [(f64, f64); 8] = [
    (0.0844813246, 0.0683591489),
    (0.0252987382, -0.00773148899),
    (0.147823871, 0.222309323),
    (0.0115724354, 0.00467847064),
    (2.3467704, 0.00719870405),
    (0.167690253, 0.0155284727),
    (1.56409082, 0.102214474),
    (0.259377419, 0.0374496231),
];
/// How far each parameter is from its first values.
const MOVED: [f64; 8] = [
    0.0377329756,
    0.0079741644,
    0.0443853939,
    0.0048047472,
    0.2284140482,
    0.0177169707,
    0.185807221,
    0.0319020287,
];

#[test]
fn losses_gradients_and_parameters_equal_tensorflow() {
    let first = fixed_network(false);
    for isa in Isa::available() {
        let trained = train(&Cpu::new(isa, 2).unwrap(), false, 1);
        trained.equals(isa, &LOSSES, &GRADIENTS);
        for (i, parameter) in first.network.parameters().iter().enumerate() {
            let (got, want) = (distance(&trained.parameters[i], &parameter.values()), MOVED[i]);
            let (name, error) = (parameter.name(), (got - want).abs() / want);
            assert!(error < tolerance(name), "{isa:?}, {name}: {got} and {want}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for isa in Isa::available() {
        let [one, three] = [1, 3].map(|threads| train(&Cpu::new(isa, threads).unwrap(), true, 1));
        assert!(one == three, "{isa:?}: {:?} and {:?}", one.losses, three.losses);
    }
}

#[test]
fn several_towers_equal_one() {
    let cpu = Cpu::new(Isa::available().pop().unwrap(), 2).unwrap();
    // Every tower has the masks of its examples in the whole batch.
    let one = train(&cpu, true, 1);
    for towers in [2, 3] {
        train(&cpu, true, towers).is_close_to(&one);
    }
}

#[test]
fn dropout_changes_training_but_not_evaluation() {
    let (batch, cpu) = (batch(), Cpu::new(Isa::Portable, 1).unwrap());
    let mut trainer = fixed_trainer(&cpu, true, 1);
    let evaluated = trainer.classifier.logits(&cpu, &batch.images).unwrap().to_vec();
    let plain = fixed_trainer(&cpu, false, 1).gradients(&batch, 0).unwrap();
    let mut loss = |step| trainer.gradients(&batch, step).unwrap();
    let dropped = loss(0);
    assert_ne!(plain, dropped);
    assert_ne!(loss(1), dropped);
    assert_eq!(loss(0), dropped);
    assert_eq!(trainer.classifier.logits(&cpu, &batch.images).unwrap(), evaluated);
}

/// With the masks of dropout held, the loss falls along the gradient by its length squared.
#[test]
fn gradients_under_dropout_equal_finite_differences() {
    let (batch, cpu) = (batch(), Cpu::new(Isa::Portable, 1).unwrap());
    let mut trainer = fixed_trainer(&cpu, true, 1);
    trainer.gradients(&batch, 3).unwrap();
    let all = trainer.classifier.network.gradients().iter();
    let gradients: Vec<Vec<f32>> = all.map(|gradient| gradient.values().to_vec()).collect();
    for (i, gradient) in gradients.iter().enumerate() {
        let first = trainer.classifier.network.parameters()[i].values().to_vec();
        let length_squared: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
        let step = 2e-3 / length_squared.sqrt();
        let mut mean_loss = |sign: f64| {
            let moved = first.iter().zip(gradient).map(|(w, g)| w + (sign * step) as f32 * g);
            let parameter = &trainer.classifier.network.parameters()[i];
            parameter.set(&moved.collect::<Vec<_>>()).unwrap();
            trainer.gradients(&batch, 3).unwrap()
        };
        let slope = (mean_loss(1.0) - mean_loss(-1.0)) / (2.0 * step);
        trainer.classifier.network.parameters()[i].set(&first).unwrap();
        let error = (slope - length_squared).abs() / length_squared;
        assert!(error < 3e-2, "parameter {i}: {slope} and {length_squared}");
    }
}

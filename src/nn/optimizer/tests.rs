use super::*;
use crate::ops::Isa;

const STEPS: u64 = 10;
/// Shapes of a weight that decays, of a table whose gradient is one row a token, and of a
/// statistic of the data.
const SHAPES: [&[usize]; 3] = [&[5], &[6, 2], &[3]];

fn wave(len: usize, a: f64) -> Vec<f32> {
    (0..len).map(|i| (i as f64 * a).sin() as f32).collect()
}

fn cpus() -> Vec<Cpu> {
    Isa::available().into_iter().map(|isa| Cpu::new(isa, 1).unwrap()).collect()
}

fn parameters() -> Vec<Parameter> {
    let [w, table, mean] = SHAPES;
    let all = vec![
        Parameter::zeros("w", w).unwrap().decayed(),
        Parameter::statistic("mean", mean, 1.0, 0.9).unwrap(),
        Parameter::zeros("table", table).unwrap(),
    ];
    all[0].set(&wave(5, 0.7)).unwrap();
    all[2].set(&wave(12, 0.7)).unwrap();
    all
}

/// The gradients of step `t`; words of the table occur twice and three times.
fn gradients(t: u64) -> Vec<Gradient> {
    let a = 1.1 + 0.1 * t as f64;
    let mut all: [Gradient; 3] = Default::default();
    all[0].dense(5).copy_from_slice(&wave(5, a));
    all[1].dense(3).copy_from_slice(&[0.0, 1.0, 5.0]);
    let ids = [t % 5, (t + 2) % 5, t % 5, 4].map(|id| id as u32);
    all[2].set_rows(&ids, 2, &wave(8, a));
    all.into()
}

fn config(name: Method) -> OptimizerConfig {
    OptimizerConfig { name, ..Default::default() }
}

const METHODS: [Method; 5] =
    [Method::Sgd, Method::Momentum, Method::Nesterov, Method::Adam, Method::AdamW];
const ALL: Settings =
    Settings { weight_decay: 0.05, max_norm: Some(2.0), average_decay: Some(0.9) };

/// Takes the steps of a range.
fn train(cpu: &Cpu, optimizer: &mut Optimizer, all: &[Parameter], steps: std::ops::Range<u64>) {
    for step in steps {
        optimizer.step(cpu, all, &gradients(step), 0.1, step).unwrap();
    }
}

/// Every value of the parameters and of the state, by name.
fn values(all: &[Parameter], optimizer: &Optimizer) -> Vec<(String, Vec<f32>)> {
    let tensors = all.iter().chain(optimizer.state());
    tensors.map(|tensor| (tensor.name().to_string(), tensor.values().to_vec())).collect()
}

fn assert_near(got: &Parameter, want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (got_value, want) in got.values().iter().zip(want) {
        let difference = (f64::from(*got_value) - want).abs();
        assert!(difference < 4e-6, "{}: {got_value} and {want}", got.name());
    }
}

/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// def wave(shape, a): return np.sin(np.arange(np.prod(shape)) * a).reshape(shape).astype("f")
/// w, table = tf.Variable(wave((5,), 0.7)), tf.Variable(wave((6, 2), 0.7))
/// averages = [tf.Variable(w), tf.Variable(table)]
/// opt = tf.compat.v1.train.MomentumOptimizer(0.1, 0.9)
/// for t in range(10):
///     ids = [t % 5, (t + 2) % 5, t % 5, 4]
///     rows = tf.IndexedSlices(tf.constant(wave((4, 2), 1.1 + 0.1 * t)), tf.constant(ids), (6, 2))
///     gs, _ = tf.clip_by_global_norm([tf.constant(wave((5,), 1.1 + 0.1 * t)), rows], 2.0)
///     opt.apply_gradients(zip(gs, [w, table]))
///     decay = min(0.9, (2 + t) / (11 + t))
///     for a, v in zip(averages, [w, table]): a.assign_sub((1 - decay) * (a - v))
/// for v in [w, table] + averages: print([round(float(x), 8) for x in v.numpy().ravel()])
/// ```
#[rustfmt::skip]
#[test]
fn clips_and_averages_with_the_rows_of_a_table_as_tensorflow() {
    let want: [&[f64]; 4] = [
        &[0.0, -2.57471728, 0.14601626, 3.10732651, 1.51727736],
        &[
            0.21523713, 0.52483076, 1.20506167, 0.6441322, 0.25233763, -0.52720219,
            -0.94869655, -1.15639126, -1.61900306, -0.52167773, 0.65698659, 0.98816824,
        ],
        &[0.0, -2.04623365, 0.13177885, 2.71786547, 1.54847634],
        &[
            0.19322616, 0.54362833, 1.16485095, 0.69800735, 0.25901476, -0.51138502,
            -0.93476522, -1.12998855, -1.64606082, -0.48116219, 0.65698659, 0.98816824,
        ],
    ];
    for cpu in cpus() {
        let all = parameters();
        let settings = Settings { weight_decay: 0.0, ..ALL };
        let mut optimizer = Optimizer::new(&config(Method::Momentum), settings, &all).unwrap();
        train(&cpu, &mut optimizer, &all, 0..STEPS);
        let averages = optimizer.averages();
        for (got, want) in [&all[0], &all[2], &averages[0], &averages[1]].into_iter().zip(want) {
            assert_near(got, want);
        }
    }
}

/// The numbers of `ops::optimizer::tests`, where the snippets are.
#[rustfmt::skip]
#[test]
fn every_method_equals_tensorflow() {
    let dense: [&[f64]; 5] = [
        &[0.0, -0.325106978, 0.910319865, 1.472991705, 0.345163494],
        &[0.0, -3.282810688, -0.166801751, 3.343794584, 1.614132166],
        &[0.0, -3.760046482, -0.076334283, 3.649465322, 1.433504105],
        &[0.0, -0.357422948, 0.370204240, 1.816302061, 0.910858572],
        &[0.0, -0.368202358, 0.364456296, 1.763387203, 0.897455335],
    ];
    let adam = [
        0.18655437, 0.54315001, 1.14236498, 0.75007582, 0.23073621, -0.33603835,
        -0.95571524, -0.97970492, -1.1660341, -0.33464143, 0.65698659, 0.98816824,
    ];
    let rows = [
        [
            0.11119226, 0.56898385, 1.09722316, 0.74462628, 0.26895458, -0.49185663,
            -0.94723326, -1.09697759, -0.7155022, -0.16842775, 0.65698659, 0.98816824,
        ],
        [
            0.27551562, 0.49373528, 1.27158594, 0.59149545, 0.22808675, -0.56528163,
            -0.98103344, -1.1865803, -1.86346292, -0.69279242, 0.65698659, 0.98816824,
        ],
        [
            0.35915631, 0.43354982, 1.35474563, 0.50008386, 0.17274335, -0.68490517,
            -1.04574525, -1.28069234, -1.82447851, -0.8070733, 0.65698659, 0.98816824,
        ],
        adam,
        adam,
    ];
    // 1 + (x - 1)(1 - 0.9¹⁰) of the batches' statistic x.
    let share = 1.0 - 0.9f64.powi(10);
    let mean = [0.0, 1.0, 5.0].map(|x| 1.0 + (x - 1.0) * share);
    for cpu in cpus() {
        for (method, (dense, rows)) in METHODS.into_iter().zip(dense.into_iter().zip(rows)) {
            let all = parameters();
            let settings = Settings { weight_decay: 0.05, ..Default::default() };
            let mut optimizer = Optimizer::new(&config(method), settings, &all).unwrap();
            train(&cpu, &mut optimizer, &all, 0..STEPS);
            assert_near(&all[0], dense);
            assert_near(&all[1], &mean);
            assert_near(&all[2], &rows);
            assert!(optimizer.averages().is_empty());
        }
    }
}

#[test]
fn the_state_is_named_after_the_parameters_that_are_trained() {
    let all = parameters();
    let names = |method, settings| {
        let optimizer = Optimizer::new(&config(method), settings, &all).unwrap();
        let names: Vec<_> = optimizer.state().iter().map(|p| p.name().to_string()).collect();
        names.join(" ")
    };
    assert_eq!(names(Method::Sgd, Settings::default()), "");
    assert_eq!(names(Method::Nesterov, Settings::default()), "momentum/w momentum/table");
    assert_eq!(
        names(Method::Adam, ALL),
        "adam_m/w adam_m/table adam_v/w adam_v/table average/w average/table"
    );
    let optimizer = Optimizer::new(&config(Method::Sgd), ALL, &all).unwrap();
    let [w, table] = optimizer.averages() else { panic!("there are two averages") };
    assert_eq!((&*w.values(), table.shape()), (&*all[0].values(), all[2].shape()));
}

#[test]
fn names_a_gradient_that_is_not_finite_and_changes_nothing() {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    for (at, name) in [(0, "w"), (1, "mean"), (2, "table")] {
        let all = parameters();
        let mut optimizer = Optimizer::new(&config(Method::Adam), ALL, &all).unwrap();
        train(&cpu, &mut optimizer, &all, 0..2);
        let before = values(&all, &optimizer);
        let mut wrong = gradients(2);
        match &mut wrong[at] {
            Gradient::Dense { values, .. } | Gradient::Rows { rows: values, .. } => {
                values[2] = f32::NAN;
            }
        }
        let error = optimizer.step(&cpu, &all, &wrong, 0.1, 2).unwrap_err().to_string();
        assert!(error.contains(&format!("the gradient of {name} is not finite")), "{error}");
        assert_eq!(values(&all, &optimizer), before);
    }
}

#[test]
fn refuses_gradients_of_another_size() {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let all = parameters();
    let before = values(&all, &Optimizer::new(&config(Method::Sgd), ALL, &all).unwrap());
    let refused = |wrong: &[Gradient]| {
        let mut optimizer = Optimizer::new(&config(Method::Sgd), ALL, &all).unwrap();
        let error = optimizer.step(&cpu, &all, wrong, 0.1, 0).unwrap_err().to_string();
        assert_eq!(values(&all, &optimizer), before);
        error
    };
    let mut wrong = gradients(0);
    wrong[2] = Gradient::default();
    wrong[2].set_rows(&[1], 3, &[0.0; 3]);
    assert!(refused(&wrong).contains("the gradient of table has rows of 3"));
    wrong[0].dense(4);
    assert!(refused(&wrong).contains("the gradient of w has 4 values, not 5"));
    assert!(refused(&wrong[..2]).contains("3 parameters and 2 gradients"));
}

#[test]
fn goes_on_with_the_same_bits_from_a_state_set_by_name() {
    let cpu = Cpu::new(Isa::available().pop().unwrap(), 1).unwrap();
    for method in METHODS {
        let all = parameters();
        let mut optimizer = Optimizer::new(&config(method), ALL, &all).unwrap();
        train(&cpu, &mut optimizer, &all, 0..4);
        let saved = values(&all, &optimizer);
        train(&cpu, &mut optimizer, &all, 4..STEPS);

        let other = parameters();
        let mut restored = Optimizer::new(&config(method), ALL, &other).unwrap();
        for tensor in other.iter().chain(restored.state()) {
            let (_, values) = saved.iter().find(|(name, _)| name == tensor.name()).unwrap();
            tensor.set(values).unwrap();
        }
        train(&cpu, &mut restored, &other, 4..STEPS);
        assert_eq!(values(&other, &restored), values(&all, &optimizer), "{method:?}");
    }
}

#[test]
fn has_the_same_bits_for_any_number_of_threads() {
    const WIDTH: usize = 203;
    let ids: Vec<u32> = (0..4_000).map(|i| i * i % 50 * 3).collect();
    let mut gradients: [Gradient; 2] = Default::default();
    gradients[0].dense(40_003).copy_from_slice(&wave(40_003, 1.1));
    gradients[1].set_rows(&ids, WIDTH, &wave(ids.len() * WIDTH, 1.1));
    for isa in Isa::available() {
        for method in METHODS {
            let trained = |threads| {
                let cpu = Cpu::new(isa, threads).unwrap();
                let all = [
                    Parameter::uniform("w", &[40_003], 0.1, 1).unwrap().decayed(),
                    Parameter::uniform("table", &[150, WIDTH], 0.1, 1).unwrap().decayed(),
                ];
                let mut optimizer = Optimizer::new(&config(method), ALL, &all).unwrap();
                for step in 0..3 {
                    optimizer.step(&cpu, &all, &gradients, 0.1, step).unwrap();
                }
                values(&all, &optimizer)
            };
            let one = trained(1);
            assert!(trained(2) == one && trained(3) == one, "{isa:?}, {method:?}");
        }
    }
}

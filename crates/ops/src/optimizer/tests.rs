use super::*;
use crate::Isa;

const STEPS: u64 = 10;

fn wave(len: usize, a: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * a).sin()).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// The gradient of step `t`.
fn gradient(len: usize, t: u64) -> Vec<f64> {
    wave(len, 1.1 + 0.1 * t as f64)
}

fn averaged<R>(rule: R, t: u64) -> Averaged<R> {
    Averaged { rule, decay: decay_at(0.9, t + 1) }
}

/// Weights and averages after ten steps.
fn descended<const N: usize, R: Rule<N>>(
    cpu: &Cpu,
    len: usize,
    rule: impl Fn(u64) -> R,
) -> [Vec<f32>; 2] {
    let mut weights = single(&wave(len, 0.7));
    let mut states: [_; N] = array::from_fn(|_| vec![0.0; len]);
    states[N - 1].copy_from_slice(&weights);
    for t in 0..STEPS {
        let states = states.each_mut().map(Vec::as_mut_slice);
        step(cpu, rule(t), &mut weights, states, &single(&gradient(len, t)));
    }
    [weights, states[N - 1].clone()]
}

/// The same in `f64`.
fn descended_reference<const N: usize, R: Rule<N>>(
    len: usize,
    rule: impl Fn(u64) -> R,
) -> [Vec<f64>; 2] {
    let mut weights = wave(len, 0.7);
    let mut states: [_; N] = array::from_fn(|_| vec![0.0; len]);
    states[N - 1].copy_from_slice(&weights);
    for t in 0..STEPS {
        let states = states.each_mut().map(Vec::as_mut_slice);
        step_reference(rule(t), &mut weights, states, &gradient(len, t));
    }
    [weights, states[N - 1].clone()]
}

fn assert_near(got: &[f32], want: &[f64], what: &str) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(*got) - want).abs() < 4e-6, "{what} at {i}: {got} and {want}");
    }
}

/// Holds a rule with averages to TensorFlow's weights and averages of five values, to `f64` and to
/// the same bits for any number of threads; and averages in a pass of their own to those.
fn check_dense<const N: usize, const M: usize, R: Rule<N>>(
    rule: impl Fn(u64) -> R,
    tensorflow: [[f64; 5]; 2],
) where
    Averaged<R>: Rule<M>,
{
    let rule = |t| averaged(rule(t), t);
    let len = 40_003;
    let want = descended_reference(len, rule);
    for isa in Isa::available() {
        let run = |len, threads| descended(&Cpu::new(isa, threads).unwrap(), len, rule);
        let one = run(len, 1);
        for i in 0..2 {
            assert_near(&run(5, 1)[i], &tensorflow[i], &format!("TensorFlow, {isa:?}, {i}"));
            assert_near(&one[i], &want[i], &format!("f64, {isa:?}, {i}"));
        }
        for threads in [2, 3] {
            assert_eq!(run(len, threads), one);
        }
    }
}

fn ids(t: u64) -> [u32; 4] {
    [t % 5, (t + 2) % 5, t % 5, 4].map(|id| id as u32)
}

/// Holds the rows of a table to TensorFlow's weights, and to dense steps by the sums of the rows.
fn check_rows<const N: usize, R: Rule<N>>(rule: impl Fn(u64) -> R, tensorflow: [f64; 12]) {
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let mut table = single(&wave(12, 0.7));
        let mut states: [_; N] = array::from_fn(|_| vec![0.0; 12]);
        for t in 0..STEPS {
            let states = states.each_mut().map(Vec::as_mut_slice);
            step_rows(&cpu, rule(t), 2, &mut table, states, &ids(t), &single(&gradient(8, t)));
        }
        assert_near(&table, &tensorflow, &format!("TensorFlow, {isa:?}"));
        check_sums(isa, rule(1));
    }
}

/// Values of a row, of which threads take columns.
const WIDTH: usize = 203;
/// Rows of the table, of which every third is read.
const WORDS: usize = 150;

/// A table and states of it after `work`.
fn changed<const N: usize>(
    cpu: &Cpu,
    old: &[f32],
    work: impl FnOnce(&Cpu, &mut [f32], [&mut [f32]; N]),
) -> (Vec<f32>, [Vec<f32>; N]) {
    let mut table = old.to_vec();
    let mut states = array::from_fn(|n| single(&wave(old.len(), 0.3 + n as f64)));
    states.iter_mut().flatten().for_each(|state| *state = state.abs());
    work(cpu, &mut table, states.each_mut().map(Vec::as_mut_slice));
    (table, states)
}

fn check_sums<const N: usize, R: Rule<N>>(isa: Isa, rule: R) {
    let ids: Vec<u32> = (0..4_000).map(|i| i * i % 50 * 3).collect();
    let rows = single(&wave(ids.len() * WIDTH, 1.1));
    let old = single(&wave(WORDS * WIDTH, 0.7));
    let by_rows = |threads| {
        changed(&Cpu::new(isa, threads).unwrap(), &old, |cpu, table, states| {
            step_rows(cpu, rule, WIDTH, table, states, &ids, &rows);
        })
    };
    let one = by_rows(1);
    assert!(by_rows(2) == one && by_rows(3) == one, "{isa:?}: the bits depend on threads");
    let mut sums = vec![0.0; old.len()];
    for (&id, row) in ids.iter().zip(rows.chunks(WIDTH)) {
        let sum = &mut sums[id as usize * WIDTH..][..WIDTH];
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let (dense, _) = changed(&Cpu::new(isa, 1).unwrap(), &old, |cpu, table, states| {
        step(cpu, rule, table, states, &sums);
    });
    for (id, row) in one.0.chunks(WIDTH).enumerate() {
        let at = id * WIDTH..(id + 1) * WIDTH;
        if !ids.contains(&(id as u32)) {
            assert_eq!(row, &old[at], "{isa:?}: row {id} was not read");
        } else if rule.adds_up() {
            let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
            assert!(row.iter().zip(&dense[at]).all(near), "{isa:?}: row {id}");
        } else {
            assert_eq!(row, &dense[at], "{isa:?}: row {id}");
        }
    }
}

fn sgd(weight_decay: f32) -> Sgd {
    Sgd { rate: 0.1, clip: 1.0, weight_decay }
}

fn momentum(weight_decay: f32, nesterov: bool) -> Momentum {
    Momentum { rate: 0.1, clip: 1.0, weight_decay, momentum: 0.9, nesterov }
}

fn adam(weight_decay: f32, decoupled: bool, t: u64) -> Adam {
    let [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
    let correction = Adam::correction(beta1, beta2, t + 1);
    Adam { rate: 0.1, clip: 1.0, weight_decay, decoupled, beta1, beta2, epsilon, correction }
}

/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow as tf
/// v1 = tf.compat.v1.train
/// def wave(n, a): return np.sin(np.arange(n) * a).astype("f")
/// def run(opt, decay):
///     w = tf.Variable(wave(5, 0.7)); a = tf.Variable(w)
///     for t in range(10):
///         opt.apply_gradients([(tf.constant(wave(5, 1.1 + 0.1 * t)) + decay * w, w)])
///         a.assign_sub((1 - min(0.9, (2 + t) / (11 + t))) * (a - w))
///     print(w.numpy().tolist(), a.numpy().tolist())
/// run(v1.GradientDescentOptimizer(0.1), 0.05)
/// run(v1.MomentumOptimizer(0.1, 0.9), 0.05)
/// run(v1.MomentumOptimizer(0.1, 0.9, use_nesterov=True), 0.05)
/// run(v1.AdamOptimizer(0.1), 0.05)
/// # Keras takes 1 - beta in double precision: with the betas of single precision it is the same.
/// beta1, beta2 = float(np.float32(0.9)), float(np.float32(0.999))
/// run(tf.keras.optimizers.AdamW(0.1, 0.05, beta1, beta2, 1e-8), 0)
/// ```
#[test]
fn dense_steps_and_averages_equal_tensorflow_and_the_reference() {
    let want = [
        [0.0, -0.325106978, 0.910319865, 1.472991705, 0.345163494],
        [0.0, -0.222919017, 0.847463250, 1.427262068, 0.444906443],
    ];
    check_dense::<0, 1, _>(|_| sgd(0.05), want);
    let want = [
        [0.0, -3.282810688, -0.166801751, 3.343794584, 1.614132166],
        [0.0, -2.658318758, -0.176156029, 2.922838926, 1.695308566],
    ];
    check_dense::<1, 2, _>(|_| momentum(0.05, false), want);
    let want = [
        [0.0, -3.760046482, -0.076334283, 3.649465322, 1.433504105],
        [0.0, -3.118884563, -0.156545132, 3.239443064, 1.617076278],
    ];
    check_dense::<1, 2, _>(|_| momentum(0.05, true), want);
    let want = [
        [0.0, -0.357422948, 0.370204240, 1.816302061, 0.910858572],
        [0.0, -0.247597963, 0.373638004, 1.713074923, 0.920955122],
    ];
    check_dense::<2, 3, _>(|t| adam(0.05, false, t), want);
    let want = [
        [0.0, -0.368202358, 0.364456296, 1.763387203, 0.897455335],
        [0.0, -0.258965224, 0.364107311, 1.667388558, 0.907502115],
    ];
    check_dense::<2, 3, _>(|t| adam(0.05, true, t), want);
}

/// Numbers of an independent engine. Its Adam moves every row of a table; `lazy` puts back the rows
/// that were not read.
/// ```python
/// import numpy as np, tensorflow as tf
/// v1 = tf.compat.v1.train
/// def wave(shape, a): return np.sin(np.arange(np.prod(shape)) * a).reshape(shape).astype("f")
/// def ids(t): return [t % 5, (t + 2) % 5, t % 5, 4]
/// def grad(t):
///     rows = tf.constant(wave((4, 2), 1.1 + 0.1 * t))
///     return tf.IndexedSlices(rows, tf.constant(ids(t)), (6, 2))
/// def run(opt, lazy=False):
///     w = tf.Variable(wave((6, 2), 0.7))
///     for t in range(10):
///         if not lazy: opt.apply_gradients([(grad(t), w)]); continue
///         state = [w] + ([opt.get_slot(w, s) for s in "mv"] if t else [])
///         old = [tf.identity(s) for s in state]
///         opt.apply_gradients([(tf.convert_to_tensor(grad(t)), w)])
///         if not t: state += [opt.get_slot(w, s) for s in "mv"]; old += [tf.zeros((6, 2))] * 2
///         read = np.isin(np.arange(6), ids(t))[:, None]
///         for s, o in zip(state, old): s.assign(tf.where(read, s, o))
///     print([round(float(x), 8) for x in w.numpy().ravel()])
/// run(v1.GradientDescentOptimizer(0.1))
/// run(v1.MomentumOptimizer(0.1, 0.9))
/// run(v1.MomentumOptimizer(0.1, 0.9, use_nesterov=True))
/// run(v1.AdamOptimizer(0.1), lazy=True)
/// ```
#[rustfmt::skip]
#[test]
fn sparse_steps_equal_tensorflow_and_dense_steps_by_sums() {
    check_rows(|_| sgd(0.0), [
        0.11119226, 0.56898385, 1.09722316, 0.74462628, 0.26895458, -0.49185663,
        -0.94723326, -1.09697759, -0.7155022, -0.16842775, 0.65698659, 0.98816824,
    ]);
    check_rows(|_| momentum(0.0, false), [
        0.27551562, 0.49373528, 1.27158594, 0.59149545, 0.22808675, -0.56528163,
        -0.98103344, -1.1865803, -1.86346292, -0.69279242, 0.65698659, 0.98816824,
    ]);
    check_rows(|_| momentum(0.0, true), [
        0.35915631, 0.43354982, 1.35474563, 0.50008386, 0.17274335, -0.68490517,
        -1.04574525, -1.28069234, -1.82447851, -0.8070733, 0.65698659, 0.98816824,
    ]);
    let want = [
        0.18655437, 0.54315001, 1.14236498, 0.75007582, 0.23073621, -0.33603835,
        -0.95571524, -0.97970492, -1.1660341, -0.33464143, 0.65698659, 0.98816824,
    ];
    check_rows(|t| adam(0.0, false, t), want);
    check_rows(|t| adam(0.0, true, t), want);
}

#[test]
fn weight_decay_acts_once_on_a_row_that_is_read_twice() {
    for isa in Isa::available() {
        check_sums(isa, sgd(0.05));
        check_sums(isa, momentum(0.05, true));
        check_sums(isa, adam(0.05, true, 3));
    }
}

#[test]
fn averages_in_a_pass_of_their_own_have_the_same_bits() {
    let len = 40_003;
    for isa in Isa::available() {
        let rule = |t| averaged(sgd(0.05), t);
        let want = descended(&Cpu::new(isa, 1).unwrap(), len, rule);
        for threads in [1, 2, 3] {
            let cpu = Cpu::new(isa, threads).unwrap();
            let mut weights = single(&wave(len, 0.7));
            let mut averages = weights.clone();
            for t in 0..STEPS {
                step(&cpu, sgd(0.05), &mut weights, [], &single(&gradient(len, t)));
                average(&cpu, &mut averages, &weights, decay_at(0.9, t + 1));
            }
            assert!([weights, averages] == want, "{isa:?}, {threads} threads");
        }
    }
    assert_eq!(decay_at(0.9999, 1_000_000), 0.9999);
}

#[test]
fn a_gradient_that_is_not_a_number_shows_in_its_weight_alone() {
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let mut gradient = vec![0.5; 40];
        gradient[20] = f32::NAN;
        let [mut weights, mut m, mut v, mut averages] = [(); 4].map(|()| vec![0.25; 40]);
        let states: [&mut [f32]; 3] = [&mut m, &mut v, &mut averages];
        step(&cpu, averaged(adam(0.1, true, 0), 0), &mut weights, states, &gradient);
        for values in [&weights, &m, &v, &averages] {
            let wrong = |i: &usize| values[*i].is_nan();
            assert_eq!((0..40).filter(wrong).collect::<Vec<_>>(), [20], "{isa:?}");
        }
    }
}

#[test]
#[should_panic(expected = "an id is outside the table")]
fn a_row_outside_the_table_is_refused() {
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    step_rows(&cpu, sgd(0.0), 2, &mut [0.0; 6], [], &[0, 3], &[0.0; 4]);
}

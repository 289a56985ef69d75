use super::evaluate::{every_word, in_batches};
use super::model::{Architecture, LanguageModel, Window};
use super::task::Trainer;
use crate::data::batches::Batches;
use crate::nn::optimizer::OptimizerConfig;
use crate::ops::{Cpu, Isa};
use crate::train::ShutdownFlag;

const BATCH: usize = 4;
const STEPS: usize = 5;
const ARCHITECTURE: Architecture = Architecture {
    vocab_size: 30,
    hidden_size: 12,
    num_layers: 2,
    init_scale: 0.1,
    keep_prob: 1.0,
    seed: 1,
};

fn text() -> Vec<u32> {
    let len = (BATCH * (10 * STEPS + 1)) as u32;
    (0..len).map(|i| (i * i * 7 + i * 3 + i / 5) % 30).collect()
}

/// A model whose parameter `i` is a wave of its own.
fn fixed_model() -> LanguageModel {
    let model = LanguageModel::new(ARCHITECTURE).unwrap();
    for (i, parameter) in model.network.parameters().iter().enumerate() {
        let wave = |j: usize| ((j as f64 * (0.37 + 0.11 * i as f64)).sin() * 0.4) as f32;
        parameter.set(&(0..parameter.len()).map(wave).collect::<Vec<_>>()).unwrap();
    }
    model
}

/// The costs of ten steps at learning rate 0.5.
fn ten_costs(cpu: &Cpu, max_grad_norm: f64, towers: usize) -> Vec<f64> {
    let (text, model) = (text(), fixed_model());
    let batches = Batches::new(text.len(), BATCH, STEPS).unwrap();
    let mut state = model.zero_state(BATCH);
    let mut trainer =
        Trainer::new(cpu, model, &OptimizerConfig::default(), towers, max_grad_norm).unwrap();
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    (0..10)
        .map(|step| {
            batches.copy(&text, step, &mut inputs, &mut targets);
            let window = Window { batch: BATCH, inputs: &inputs, targets: &targets };
            trainer.step(cpu, window, &mut state, step as u64, 0.5).unwrap()
        })
        .collect()
}

/// Numbers of TensorFlow 2.15:
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// V, H, B, T, L = 30, 12, 4, 5, 2
/// def wave(i, shape):
///     return (np.sin(np.arange(np.prod(shape)) * (0.37 + 0.11 * i)) * 0.4).reshape(shape).astype("f")
/// text = [(i * i * 7 + i * 3 + i // 5) % V for i in range(B * (10 * T + 1))]
/// part = np.array(text, "i").reshape(B, 10 * T + 1)
/// def losses(clip):
///     tf.reset_default_graph()
///     x, y = tf.placeholder(tf.int32, [B, T]), tf.placeholder(tf.int32, [B, T])
///     cell = tf.nn.rnn_cell.MultiRNNCell(
///         [tf.nn.rnn_cell.BasicLSTMCell(H, forget_bias=0.0) for _ in range(L)])
///     zero = cell.zero_state(B, tf.float32); st = zero
///     inp = tf.nn.embedding_lookup(tf.get_variable("embedding", [V, H]), x); outs = []
///     with tf.variable_scope("RNN"):
///         for t in range(T):
///             if t: tf.get_variable_scope().reuse_variables()
///             o, st = cell(inp[:, t], st); outs.append(o)
///     w, b = tf.get_variable("softmax_w", [H, V]), tf.get_variable("softmax_b", [V])
///     z = tf.matmul(tf.reshape(tf.concat(outs, 1), [-1, H]), w) + b
///     cost = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(
///         labels=tf.reshape(y, [-1]), logits=z)) / B
///     tv = tf.trainable_variables(); g, _ = tf.clip_by_global_norm(tf.gradients(cost, tv), clip)
///     op = tf.train.GradientDescentOptimizer(0.5).apply_gradients(zip(g, tv))
///     with tf.Session() as s:
///         s.run([v.assign(wave(i, v.shape.as_list())) for i, v in enumerate(tv)])
///         state = s.run(zero); out = []
///         for i in range(10):
///             fd = {x: part[:, i*T:(i+1)*T], y: part[:, i*T+1:(i+1)*T+1]}
///             for k, (c, h) in enumerate(zero): fd[c], fd[h] = state[k].c, state[k].h
///             _, state, c = s.run([op, st, cost], fd); out.append(float(c))
///     print(out)
/// losses(1.0); losses(1000.0)
/// ```
const CLIPPED: [f64; 10] = [
    17.574090958,
    16.905309677,
    17.169498444,
    17.029537201,
    17.504272461,
    17.539649963,
    17.701328278,
    17.487316132,
    17.612730026,
    17.485261917,
];
const UNCLIPPED: [f64; 10] = [
    17.574090958,
    16.771232605,
    17.227291107,
    17.231897354,
    17.655344009,
    17.760126114,
    17.892282486,
    17.658359528,
    17.734992981,
    17.727476120,
];

#[test]
fn ten_training_costs_equal_tensorflow() {
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 2).unwrap();
        // The gradients' norm is about 1.65: the first bound clips, the second does not.
        for (bound, want) in [(1.0, CLIPPED), (1000.0, UNCLIPPED)] {
            for (step, (got, want)) in ten_costs(&cpu, bound, 1).into_iter().zip(want).enumerate() {
                let error = (got - want).abs() / want;
                assert!(error < 1e-5, "{isa:?}, bound {bound}, step {step}: {got} and {want}");
            }
        }
    }
}

#[test]
fn the_loss_equals_the_plain_computation() {
    let (text, mut model) = (text(), fixed_model());
    let window = Window { batch: BATCH, inputs: &text[..40], targets: &text[4..44] };
    let mut state = model.zero_state(BATCH);
    let want = model.network.reference(model.losses, &window.feed(&mut state)).unwrap();
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 2).unwrap();
        let mut state = model.zero_state(BATCH);
        let got = model.evaluate(&cpu, window, &mut state).unwrap();
        assert_eq!(got.len(), want.len());
        for (&got, &want) in got.iter().zip(&want) {
            assert!((f64::from(got) - want).abs() < 1e-5 * want, "{isa:?}: {got} and {want}");
        }
    }
}

/// Every tower has its sequences of the batch, with their states and masks.
#[test]
fn several_towers_equal_one() {
    let cpu = Cpu::new(Isa::available().pop().unwrap(), 2).unwrap();
    let one = ten_costs(&cpu, 1.0, 1);
    for towers in [2, 4] {
        for (got, want) in ten_costs(&cpu, 1.0, towers).into_iter().zip(&one) {
            assert!((got - want).abs() < 1e-5 * want, "{towers} towers: {got} and {want}");
        }
    }
    let dropped = |towers| {
        let model = LanguageModel::new(Architecture { keep_prob: 0.5, ..ARCHITECTURE }).unwrap();
        let (text, mut state) = (text(), model.zero_state(BATCH));
        let window = Window { batch: BATCH, inputs: &text[..20], targets: &text[4..24] };
        let mut trainer =
            Trainer::new(&cpu, model, &OptimizerConfig::default(), towers, 5.0).unwrap();
        let costs = [0, 1].map(|step| trainer.step(&cpu, window, &mut state, step, 0.5).unwrap());
        (costs, state)
    };
    let (costs, state) = dropped(1);
    let (several, split) = dropped(2);
    for (got, want) in several.into_iter().zip(costs) {
        assert!((got - want).abs() < 1e-5 * want, "{got} and {want}");
    }
    for (got, want) in split.concat().into_iter().zip(state.concat()) {
        assert!((got - want).abs() < 1e-5, "{got} and {want}");
    }
}

#[test]
fn many_words_at_once_equal_one_at_a_time() {
    let (text, mut model) = (text(), fixed_model());
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let shutdown = ShutdownFlag::default();
    let fast = every_word(&cpu, &mut model, &text, &shutdown).unwrap().unwrap();
    let slow = in_batches(&cpu, &mut model, &text, 1, 1, &shutdown).unwrap().unwrap();
    assert_eq!(fast.words, text.len() as u64 - 1);
    assert_eq!(fast.words, slow.words);
    assert!((fast.loss - slow.loss).abs() < 1e-5 * slow.loss);
}

#[test]
fn dropout_changes_training_but_not_evaluation() {
    let text = text();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let cost = |keep_prob, step| {
        let model = LanguageModel::new(Architecture { keep_prob, ..ARCHITECTURE }).unwrap();
        let mut state = model.zero_state(BATCH);
        let mut trainer = Trainer::new(&cpu, model, &OptimizerConfig::default(), 1, 5.0).unwrap();
        let window = Window { batch: BATCH, inputs: &text[..20], targets: &text[4..24] };
        let cost = trainer.step(&cpu, window, &mut state, step, 0.0).unwrap();
        (cost, trainer.model.evaluate(&cpu, window, &mut state).unwrap().to_vec())
    };
    let (plain, evaluated) = cost(1.0, 0);
    let (dropped, evaluated_dropped) = cost(0.5, 0);
    assert_ne!(plain, dropped);
    assert_ne!(cost(0.5, 1).0, dropped);
    assert_eq!(evaluated.len(), evaluated_dropped.len());
}

#[test]
fn a_step_that_is_not_finite_names_its_tensor_and_changes_nothing() {
    let text = text();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let window = Window { batch: BATCH, inputs: &text[..20], targets: &text[4..24] };
    let model = fixed_model();
    let mut state = model.zero_state(BATCH);
    state[0][0] = f32::NAN;
    let before = model.network.parameters()[1].values().to_vec();
    let mut trainer = Trainer::new(&cpu, model, &OptimizerConfig::default(), 1, 5.0).unwrap();
    let error = trainer.step(&cpu, window, &mut state, 0, 1.0).unwrap_err();
    assert_eq!(error.to_string(), "the loss is not finite");
    assert_eq!(*trainer.model.network.parameters()[1].values(), *before);
}

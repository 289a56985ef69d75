use super::Cifar10;
use super::config::Cifar10Settings;
use super::network::logits;
use crate::data::augment::{CROP, CROP_VALUES, Shape};
use crate::models::classify::tests::{
    self as fixed, Trained, distance, length, set_waves, tolerance,
};
use crate::models::classify::{Batch, Classifier, Trainer, names};
use crate::ops::{Cpu, Isa};

const BATCH: usize = 8;
const RATE: f64 = 0.02;
/// The amplitude of each parameter's wave.
const SIZES: [f64; 10] = [0.1, 0.1, 0.02, 0.1, 0.04, 0.1, 0.08, 0.1, 0.1, 0.1];

fn fixed_network() -> Classifier {
    let image = Shape { height: CROP, width: CROP, depth: 3 };
    let classifier = Classifier::new(image, 0, |images| logits(images, 10)).unwrap();
    set_waves(&classifier, &SIZES);
    classifier
}

/// The network in training, in this many towers.
fn fixed_trainer(cpu: &Cpu, towers: usize) -> Trainer<'_> {
    let mut settings = Cifar10Settings::default();
    settings.train.descent.towers = towers;
    Trainer::new::<Cifar10>(cpu, &settings, fixed_network(), names(10)).unwrap()
}

fn batch() -> Batch {
    fixed::batch(BATCH, CROP_VALUES, 1.0)
}

fn train(cpu: &Cpu, towers: usize) -> Trained {
    fixed::train(fixed_trainer(cpu, towers), &batch(), RATE)
}

/// Numbers of TensorFlow 2.15:
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// B, SIZES = 8, [.1, .1, .02, .1, .04, .1, .08, .1, .1, .1]
/// def wave(i, shape):
///     n = np.prod(shape)
///     return (np.sin(np.arange(n) * (0.37 + 0.11 * i)) * SIZES[i]).reshape(shape).astype("f")
/// x = np.sin(np.arange(B * 24 * 24 * 3) ** 1.1 * 0.61).reshape(B, 24, 24, 3).astype("f")
/// labels = np.arange(B) * 7 % 10
/// v = [tf.Variable(wave(i, s)) for i, s in enumerate([[5, 5, 3, 64], [64], [5, 5, 64, 64],
///      [64], [2304, 384], [384], [384, 192], [192], [192, 10], [10]])]
/// def conv(x, i):
///     return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, v[i], [1] * 4, "SAME"), v[i + 1]))
/// pool = lambda x: tf.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
/// norm = lambda x: tf.nn.lrn(x, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75)
/// y = norm(pool(conv(x, 0))); y = tf.reshape(pool(norm(conv(y, 2))), [B, -1])
/// y = tf.nn.relu(tf.matmul(y, v[4]) + v[5])
/// y = tf.nn.relu(tf.matmul(y, v[6]) + v[7])
/// z = tf.matmul(y, v[8]) + v[9]
/// loss = tf.reduce_mean(
///     tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=z))
/// gradients = tf.gradients(loss, v)
/// loss += 0.004 * (tf.nn.l2_loss(v[4]) + tf.nn.l2_loss(v[6]))
/// step = tf.Variable(0, trainable=False)
/// train = tf.train.GradientDescentOptimizer(0.02).minimize(loss, global_step=step)
/// ema = tf.train.ExponentialMovingAverage(0.9999, step); follow = ema.apply(v)
/// length = lambda x: float(np.sqrt(np.square(x.astype("d")).sum()))
/// with tf.Session() as s:
///     s.run(tf.global_variables_initializer()); first, losses = s.run(v), []
///     print([(length(g), g.ravel() @ np.sin(np.arange(g.size) * 0.5)) for g in s.run(gradients)])
///     for _ in range(5): losses.append(float(s.run([loss, train])[0])); s.run(follow)
///     last, averages = s.run([v, [ema.average(p) for p in v]])
///     print(losses)
///     print([length(a - f) for a, f in zip(averages, first)])
///     print([length(l - a) for l, a in zip(last, averages)])
/// ```
const LOSSES: [f64; 5] = [
    4.195156097412109,
    4.160974979400635,
    4.0991621017456055,
    3.969006061553955,
    3.882519245147705,
];
/// The length of each gradient of the first cross-entropy, and its product with a wave.
const GRADIENTS: [(f64, f64); 10] = [
    (0.0287403839, 0.00399560189),
    (0.00172873826, 0.00149422472),
    (0.466656773, 0.00522973643),
    (0.00707907194, -0.00049661403),
    (5.53530188, 0.0545207323),
    (0.114322607, 0.0286552859),
    (0.131771735, 0.0323174472),
    (0.0721470731, 0.0115703647),
    (0.112098208, -0.0185506852),
    (0.161540012, 0.104834099),
];
/// How far each average is from the first values.
const MOVED: [f64; 10] = [
    0.0075145743,
    0.0009266008,
    0.067466751,
    0.002549989,
    0.149811953,
    0.0045586349,
    0.03382007,
    0.0107302293,
    0.0942878155,
    0.0150713462,
];
/// How far each average is from the last values.
const BEHIND: [f64; 10] = [
    0.0021129809,
    0.0003897414,
    0.0237564802,
    0.0010300587,
    0.0222665177,
    0.0008811324,
    0.0084294034,
    0.0021286597,
    0.0177317334,
    0.0024952115,
];

#[test]
fn losses_gradients_and_averages_equal_tensorflow() {
    let first = fixed_network();
    for isa in Isa::available() {
        let trained = train(&Cpu::new(isa, 2).unwrap(), 1);
        trained.equals(isa, &LOSSES, &GRADIENTS);
        for (i, parameter) in first.network.parameters().iter().enumerate() {
            let moved = distance(&trained.averages[i], &parameter.values());
            let behind = distance(&trained.parameters[i], &trained.averages[i]);
            for (got, want) in [(moved, MOVED[i]), (behind, BEHIND[i])] {
                let (name, error) = (parameter.name(), (got - want).abs() / want);
                assert!(error < tolerance(name), "{isa:?}, average of {name}: {got} and {want}");
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for isa in Isa::available() {
        let [one, three] = [1, 3].map(|threads| train(&Cpu::new(isa, threads).unwrap(), 1));
        assert!(one == three, "{isa:?}: {:?} and {:?}", one.losses, three.losses);
    }
}

#[test]
fn several_towers_equal_one() {
    let isa = Isa::available().pop().unwrap();
    let cpu = Cpu::new(isa, 2).unwrap();
    let one = train(&cpu, 1);
    for towers in [2, 4] {
        let several = train(&cpu, towers);
        several.is_close_to(&one);
        // After some steps a few maxima have fallen to the other side.
        for (got, want) in several.averages.iter().zip(&one.averages) {
            let error = distance(got, want) / length(want);
            assert!(error < 1e-4, "{towers} towers: {error}");
        }
        // The threads of a tower change nothing.
        let wide = train(&Cpu::new(isa, 3 * towers).unwrap(), towers);
        assert!(wide == several, "{towers} towers");
    }
}

#[test]
fn towers_leave_their_gradients_in_the_network() {
    let mut batch = batch();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut trainer = fixed_trainer(&cpu, 2);
    trainer.gradients(&batch, 0).unwrap();
    trainer.update(RATE, 0).unwrap();
    // One value of the second tower's part is enough.
    batch.images[(BATCH - 1) * CROP_VALUES + 5] = f32::NAN;
    let loss = trainer.gradients(&batch, 1).unwrap();
    assert!(loss.is_nan());
    let error = trainer.update(RATE, 1).unwrap_err().to_string();
    assert_eq!(error, "the gradient of conv1/weights is not finite");
}

#[test]
fn a_batch_of_another_size_leaves_nothing_behind() {
    let Batch { images, .. } = batch();
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let mut network = fixed_network();
    let all = network.logits(&cpu, &images).unwrap().to_vec();
    for i in [3, 0] {
        let one = network.logits(&cpu, &images[i * CROP_VALUES..(i + 1) * CROP_VALUES]).unwrap();
        for (got, want) in one.iter().zip(&all[i * 10..]) {
            assert!((got - want).abs() < 1e-5, "image {i}: {got} and {want}");
        }
    }
    assert_eq!(network.logits(&cpu, &images).unwrap(), all);
}

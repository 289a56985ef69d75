mod reference;

use super::*;
use crate::Isa;
use reference::train_reference;

fn wave(len: usize, a: f64, scale: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * a).sin() * scale).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

fn parameters(ids: usize, width: usize) -> [Vec<f64>; 3] {
    let scale = (2.0 * width as f64).sqrt().recip();
    [wave(ids * width, 0.7, scale), wave(ids * width, 1.3, scale), wave(ids, 0.9, 0.3)]
}

/// Pairs of which several in a row have the same example, as skip-gram makes them.
fn pairs(ids: u32, len: usize) -> Vec<[u32; 2]> {
    let mut numbers = Stream::new(3, "pairs").at(0);
    (0..len as u32).map(|i| [(i / 3 * 7) % ids, numbers.below(ids)]).collect()
}

fn train(
    nce: &Nce,
    cpu: &Cpu,
    start: &[Vec<f64>; 3],
    width: usize,
    pairs: &[[u32; 2]],
    order: Updates,
) -> ([Vec<f32>; 3], Loss) {
    let [mut embeddings, mut weights, mut biases] = start.each_ref().map(|v| single(v));
    let parameters = Parameters {
        embeddings: &mut embeddings,
        weights: &mut weights,
        biases: &mut biases,
        width,
    };
    let loss = nce.train(cpu, parameters, pairs, 77, &rates(nce, pairs), order);
    ([embeddings, weights, biases], loss)
}

fn rates(nce: &Nce, pairs: &[[u32; 2]]) -> Vec<f32> {
    (0..pairs.len().div_ceil(nce.batch)).map(|i| 0.5 / (1.0 + i as f32)).collect()
}

#[test]
fn every_level_equals_the_reference() {
    // Ids, width, batch, samples, pairs.
    let cases = [
        (150, 200, 16, 100, 70),
        (30, 7, 16, 30, 33),
        (9, 1, 4, 2, 10),
        (1, 3, 2, 1, 5),
        (60, 33, 1, 5, 7),
        (40, 16, 50, 0, 50),
    ];
    for (ids, width, batch, samples, len) in cases {
        let counts: Vec<u64> = (0..ids as u64).map(|i| 1000 / (i + 1)).collect();
        let noise = NegativeSampler::new(&counts).unwrap();
        let nce = Nce { batch, samples, noise: &noise, stream: Stream::new(1, "noise") };
        let (pairs, start) = (pairs(ids as u32, len), parameters(ids, width));
        let mut want = start.clone();
        let loss = train_reference(&nce, &mut want, width, &pairs, 77, &rates(&nce, &pairs));
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 1).unwrap();
            let (got, got_loss) = train(&nce, &cpu, &start, width, &pairs, Updates::Sequential);
            assert_eq!(got_loss.pairs, loss.pairs);
            let error = (got_loss.sum - loss.sum).abs() / loss.sum;
            assert!(error < 1e-6, "{isa:?} {ids}: {error}");
            for (got, want) in got.iter().zip(&want) {
                let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
                for (got, want) in got.iter().zip(want) {
                    let error = (f64::from(*got) - want).abs() / largest;
                    assert!(error < 1e-5, "{isa:?} {ids}: {got} and {want}");
                }
            }
        }
    }
}

#[test]
fn the_reference_equals_finite_differences() {
    let noise = NegativeSampler::new(&[4, 3, 2, 5, 1]).unwrap();
    let nce = Nce { batch: 4, samples: 3, noise: &noise, stream: Stream::new(1, "noise") };
    let pairs = [[1, 2], [1, 0], [4, 2], [3, 3]];
    let start = parameters(5, 3);
    let run = |mut values: [Vec<f64>; 3], rate| {
        let loss = train_reference(&nce, &mut values, 3, &pairs, 0, &[rate]).sum / 4.0;
        (loss, values)
    };
    let (_, after) = run(start.clone(), 1.0);
    for part in 0..3 {
        for i in 0..start[part].len() {
            let (mut above, mut below) = (start.clone(), start.clone());
            above[part][i] += 1e-5;
            below[part][i] -= 1e-5;
            let slope = (run(above, 0.0).0 - run(below, 0.0).0) / 2e-5;
            let change = start[part][i] - after[part][i];
            assert!((slope - change).abs() < 1e-8, "{part}, {i}: {slope} and {change}");
        }
    }
}

#[test]
fn in_order_gives_the_same_bits_for_any_number_of_threads() {
    let noise = NegativeSampler::new(&[3; 80]).unwrap();
    let nce = Nce { batch: 8, samples: 20, noise: &noise, stream: Stream::new(1, "noise") };
    let (pairs, start) = (pairs(80, 1000), parameters(80, 20));
    for isa in Isa::available() {
        let run = |threads, order| {
            train(&nce, &Cpu::new(isa, threads).unwrap(), &start, 20, &pairs, order)
        };
        let want = run(1, Updates::Sequential);
        assert!([2, 3].iter().all(|&threads| run(threads, Updates::Sequential) == want));
        let free = run(3, Updates::Hogwild).1;
        assert_eq!(free.pairs, 1000);
        // A thread that the system holds back works on older values, so that some is learnt later.
        assert!((free.sum / want.1.sum - 1.0).abs() < 0.25, "{} {}", free.sum, want.1.sum);
    }
}

/// Numbers of an independent engine. Only the three noise words can be drawn, so all are.
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// w = lambda n, a, *s: tf.Variable(np.sin(np.arange(n) * a).reshape(s).astype("f"))
/// emb, sm, b = w(15, .7, 5, 3), w(15, 1.3, 5, 3), w(5, .9, 5)
/// ex, lab, ids, x = [1, 1, 4, 3], [2, 0, 2, 1], [0, 2, 3], tf.nn.sigmoid_cross_entropy_with_logits
/// e = tf.nn.embedding_lookup(emb, ex)
/// t = tf.reduce_sum(e * tf.nn.embedding_lookup(sm, lab), 1) + tf.nn.embedding_lookup(b, lab)
/// n = tf.matmul(e, tf.nn.embedding_lookup(sm, ids), transpose_b=True) + tf.nn.embedding_lookup(b, ids)
/// xent = [x(labels=tf.ones_like(t), logits=t), x(labels=tf.zeros_like(n), logits=n)]
/// loss = sum(map(tf.reduce_sum, xent)) / 4
/// step = tf.train.GradientDescentOptimizer(.5).minimize(loss)
/// with tf.Session() as s:
///     s.run(tf.global_variables_initializer()); print(s.run(loss)); s.run(step)
///     for v in s.run([emb, sm, b]): print(v.ravel().round(6).tolist())
/// ```
#[test]
fn equals_tensorflow() {
    let noise = NegativeSampler::new(&[4, 0, 2, 5, 0]).unwrap();
    let nce = Nce { batch: 4, samples: 3, noise: &noise, stream: Stream::new(1, "noise") };
    let sines = |len, step| wave(len, step, 1.0);
    let start: [Vec<f64>; 3] = [sines(15, 0.7), sines(15, 1.3), sines(5, 0.9)];
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        let pairs = [[1, 2], [1, 0], [4, 2], [3, 1]];
        let (got, loss) = train(&nce, &cpu, &start, 3, &pairs, Updates::Sequential);
        assert!((loss.sum / 4.0 - GOLD_LOSS).abs() < 1e-5, "{}", loss.sum / 4.0);
        for (got, want) in got.concat().iter().zip(GOLD) {
            assert!((got - want).abs() < 2e-6, "{isa:?}: {got} and {want}");
        }
    }
}

const GOLD_LOSS: f64 = 4.070611;
const GOLD: [f32; 35] = [
    0.0, 0.644218, 0.98545, 0.724645, 0.15252, -0.309839, -0.871576, -0.982453, -0.631267,
    -0.011696, 0.45358, 0.907856, 0.79102, 0.202719, -0.365163, -0.123587, 0.854786, 0.472702,
    -0.686925, -0.850575, 0.264574, 0.726705, 0.16654, -0.789355, -0.890066, 0.302692, 0.935155,
    0.107754, -0.929124, -0.604833, -0.236752, 0.833373, 0.585072, 0.175437, -0.44252,
];

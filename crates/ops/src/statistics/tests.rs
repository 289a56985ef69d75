use super::*;
use crate::Isa;

fn wave(len: usize) -> Vec<f32> {
    (0..len)
        .map(|i| (i as f32 * 0.7).sin().max(0.0) * 3.0 - if i % 5 == 0 { 1.0 } else { 0.0 })
        .collect()
}

#[test]
fn equals_plain_sums_with_the_same_bits_at_every_level_for_any_number_of_threads() {
    for len in [1, 15, 100_003] {
        let values = wave(len);
        let want = histogram(&Cpu::new(Isa::Portable, 1).unwrap(), &values);
        let figures = want.statistics;
        let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
        let squares: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        assert!((figures.sum - sum).abs() < 1e-10 * squares);
        assert!((figures.sum_of_squares - squares).abs() < 1e-10 * squares);
        assert_eq!(figures.zeros, values.iter().filter(|&&v| v == 0.0).count() as u64);
        assert_eq!(figures.min, values.iter().copied().map(f64::from).fold(9.0, f64::min));
        assert_eq!(figures.max, values.iter().copied().map(f64::from).fold(-9.0, f64::max));
        assert_eq!((figures.count, want.bucket.iter().sum()), (len as u64, len as f64));
        for isa in Isa::available() {
            for threads in [1, 2, 3, 5] {
                let cpu = Cpu::new(isa, threads).unwrap();
                assert_eq!(histogram(&cpu, &values), want, "{isa:?} {threads}");
                assert_eq!(statistics(&cpu, &values), figures);
            }
        }
    }
}

/// Numbers of an independent engine:
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// a = [0, 0, 1, -1, 0.5, 2e-13, -2e-13, 1e-12, -1e-12, 3e20, -3e20, 1.1, 1e-40, -0.0]
/// with tf.Session() as s:
///     for v in (a, [0, 0, 0], [-2, 3.5, 1e20], []):
///         p = s.run(tf.summary.histogram("h", tf.constant(np.array(v, "f"))))
///         h = tf.Summary.FromString(p).value[0].histo
///         print(h.min, h.max, h.num, h.sum, h.sum_squares, h.bucket_limit, h.bucket)
/// ```
#[test]
fn equals_tensorflow() {
    const A: [f32; 14] =
        [0., 0., 1., -1., 0.5, 2e-13, -2e-13, 1e-12, -1e-12, 3e20, -3e20, 1.1, 1e-40, -0.0];
    type Case = (&'static [f32], [f64; 5], &'static [f64], &'static [f64]);
    let cases: [Case; 4] = [
        (
            &A,
            [
                -3.000000060122632e20,
                3.000000060122632e20,
                14.,
                1.100000023841858,
                1.800000072147159e41,
            ],
            &[
                -1.7976931348623157e308,
                -9.920775621859783e19,
                -1.0089710279437536,
                -0.917246389039776,
                -1e-12,
                0.0,
                1e-12,
                0.47069243095356195,
                0.5177616740489182,
                0.917246389039776,
                1.0089710279437536,
                1.109868130738129,
                9.920775621859783e19,
                1.7976931348623157e308,
            ],
            &[0., 1., 0., 1., 0., 2., 6., 0., 1., 0., 1., 1., 0., 1.],
        ),
        (&[0.; 3], [0., 0., 3., 0., 0.], &[0., 1e-12, f64::MAX], &[0., 3., 0.]),
        (
            &[-2., 3.5, 1e20],
            [-2., 1.0000000200408773e20, 3., 1.0000000200408773e20, 1.0000000400817551e40],
            &[
                -2.1628190051144287,
                -1.9661990955585713,
                3.48324163592684,
                3.8315657995195243,
                9.920775621859783e19,
                f64::MAX,
            ],
            &[0., 1., 0., 1., 0., 1.],
        ),
        (&[], [f64::MAX, f64::MIN, 0., 0., 0.], &[f64::MAX], &[0.]),
    ];
    for (values, [min, max, num, sum, sum_squares], limits, counts) in cases {
        let got = histogram(&Cpu::new(Isa::Portable, 1).unwrap(), values);
        let figures = got.statistics;
        assert_eq!((figures.min, figures.max, figures.count as f64), (min, max, num));
        // The large terms cancel in an order of their own.
        assert!((figures.sum - sum).abs() <= 1e-12 * figures.max.abs());
        assert!((figures.sum_of_squares - sum_squares).abs() <= 1e-15 * sum_squares);
        assert_eq!((&got.bucket_limit[..], &got.bucket[..]), (limits, counts));
    }
}

#[test]
fn what_is_not_finite_is_counted_apart() {
    for isa in Isa::available() {
        let values = [[1.0, f32::NAN, 0.0, f32::INFINITY], [f32::NEG_INFINITY, 2.0, 4.0, 0.0]];
        let got = histogram(&Cpu::new(isa, 1).unwrap(), &values.as_flattened().repeat(5));
        let figures = got.statistics;
        assert_eq!((figures.count, figures.not_finite, figures.zeros), (25, 15, 10));
        assert_eq!((figures.min, figures.max), (0.0, 4.0));
        assert_eq!((figures.mean(), figures.sparsity()), (1.4, 0.4));
        assert_eq!(got.bucket.iter().sum::<f64>(), 25.0);
    }
}

//! Distorted images against the reference's steps one by one, and against TensorFlow's numbers.

use super::*;
use crate::data::Labelled;
use crate::data::augment::Augment;
use crate::data::cifar10::SHAPE;
use crate::data::shuffle::Shuffle;

const REFERENCE: Ranges = Ranges { brightness: 63.0, contrast: [0.2, 1.8] };

/// The reference's list.
fn augment() -> Augment {
    let steps = ["crop 24", "flip", "brightness 63", "contrast 0.2 1.8", "standardise"];
    let steps = steps.map(|step| step.parse().unwrap());
    assert_eq!(Ranges::of(&steps, SHAPE), Some(REFERENCE));
    Augment::new(&steps, SHAPE).unwrap()
}

/// An image with a formula instead of a photo.
fn image(seed: usize) -> Vec<u8> {
    let value = |y: usize, x: usize, c: usize| (y * 7 + x * x * (c + 2 + seed) + 31 * c * y) % 251;
    let pixels = (0..SIDE * SIDE).flat_map(|i| (0..DEPTH).map(move |c| (i / SIDE, i % SIDE, c)));
    pixels.map(|(y, x, c)| value(y, x, c) as u8).collect()
}

/// The steps of the reference as they are written there, in `f64`.
fn plain(image: &[u8], distortion: &Distortion) -> Vec<f64> {
    let Distortion { top, left, flip, brightness, contrast } = *distortion;
    let mut values = Vec::new();
    for y in 0..CROP {
        for x in 0..CROP {
            let x = if flip { CROP - 1 - x } else { x };
            let at = ((top + y) * SIDE + left + x) * DEPTH;
            values.extend(image[at..at + DEPTH].iter().map(|&value| f64::from(value)));
        }
    }
    values.iter_mut().for_each(|value| *value += f64::from(brightness));
    for c in 0..DEPTH {
        let channel = values.iter().skip(c).step_by(DEPTH);
        let mean = channel.sum::<f64>() / (CROP * CROP) as f64;
        for value in values.iter_mut().skip(c).step_by(DEPTH) {
            *value = (*value - mean) * f64::from(contrast) + mean;
        }
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    let deviation = variance.sqrt().max(1.0 / n.sqrt());
    values.iter().map(|value| (value - mean) / deviation).collect()
}

fn apply(image: &[u8], distortion: &Distortion) -> Vec<f32> {
    // What is in the output is overwritten.
    let mut output = vec![f32::NAN; CROP_VALUES];
    distortion.apply(image, &mut output);
    output
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= tolerance, "value {i} is {found} instead of {expected}");
    }
}

#[test]
fn one_pass_equals_the_steps_one_by_one() {
    let stream = Stream::new(5, "augment");
    for example in 0..40 {
        let (image, distortion) = (image(example), REFERENCE.draw(&stream, 2, example as u32));
        assert_close(&apply(&image, &distortion), &plain(&image, &distortion), 2e-6);
        assert_close(&apply(&image, &Distortion::NONE), &plain(&image, &Distortion::NONE), 2e-6);
    }
}

#[test]
fn images_of_one_colour_meet_the_floor_of_the_deviation() {
    let strong = Distortion { brightness: 62.5, contrast: 1.75, ..Distortion::NONE };
    let grey = [200; IMAGE_BYTES];
    assert!(apply(&grey, &strong).iter().all(|&value| value == 0.0));
    // One value differs by one, so that σ is about 1/√1728 times the contrast.
    let mut nearly = [200; IMAGE_BYTES];
    nearly[(10 * SIDE + 10) * DEPTH] = 201;
    for contrast in [0.3, 1.0, 1.75] {
        let distortion = Distortion { contrast, ..strong };
        assert_close(&apply(&nearly, &distortion), &plain(&nearly, &distortion), 1e-5);
    }
    let colour: Vec<u8> = [0, 255, 90].repeat(SIDE * SIDE);
    assert_close(&apply(&colour, &strong), &plain(&colour, &strong), 2e-6);
}

/// The numbers of TensorFlow 2.15:
///
/// ```python
/// import numpy as np, tensorflow as tf
/// y, x, c = np.meshgrid(range(32), range(32), range(3), indexing="ij")
/// image = ((y*7 + x*x*(c + 2) + 31*c*y) % 251).astype(np.uint8)
/// def show(t):
///     t = tf.image.per_image_standardization(t).numpy().ravel()
///     print([float(t[i]) for i in (0, 1, 2, 100, 777, 1234, 1725, 1726, 1727)])
/// for top, left, flip, delta, factor in ((3, 8, 0, 41.5, 1.625), (0, 5, 1, -62.25, 0.25)):
///     t = tf.cast(image, tf.float32)[top:top + 24, left:left + 24]
///     t = tf.image.flip_left_right(t) if flip else t
///     show(tf.image.adjust_contrast(tf.image.adjust_brightness(t, delta), factor))
/// show(tf.image.resize_with_crop_or_pad(tf.cast(image, tf.float32), 24, 24))
/// ```
const TENSORFLOW: [(Distortion, [f64; 9]); 3] = [
    (
        Distortion { top: 3, left: 8, flip: false, brightness: 41.5, contrast: 1.625 },
        [
            0.32369503,
            -0.9840677,
            1.1834387,
            -1.534587,
            -1.1351812,
            -0.10323685,
            -0.40574306,
            -0.28215563,
            -0.13780779,
        ],
    ),
    (
        Distortion { top: 0, left: 5, flip: true, brightness: -62.25, contrast: 0.25 },
        [
            -0.8487878,
            -0.49475127,
            -0.068247736,
            -0.16215202,
            1.5071234,
            -1.631132,
            1.216099,
            0.93265384,
            0.72167546,
        ],
    ),
    (
        Distortion::NONE,
        [
            -0.9153251, 1.0172418, -0.5150077, 0.94822156, 0.35464743, 0.9068094, 0.2028029,
            1.0310458, -1.6055275,
        ],
    ),
];

#[test]
fn equals_tensorflow() {
    const AT: [usize; 9] = [0, 1, 2, 100, 777, 1234, 1725, 1726, 1727];
    for (distortion, expected) in TENSORFLOW {
        let output = apply(&image(0), &distortion);
        assert_close(&AT.map(|i| output[i]), &expected, 3e-6);
    }
}

/// The floor 1/√n of the deviation, with TensorFlow 2.15:
///
/// ```python
/// spot = np.full((24, 24, 3), 7, np.float32); spot[8, 5, 2] = 8
/// t = tf.image.per_image_standardization(tf.image.adjust_contrast(tf.constant(spot), 0.25))
/// print([float(v) for v in (t[8, 5, 2], t[8, 5, 1], t[0, 0, 2])])
/// ```
#[test]
fn equals_tensorflow_where_the_deviation_meets_its_floor() {
    let mut image = [7; IMAGE_BYTES];
    image[(12 * SIDE + 9) * DEPTH + 2] = 8;
    let output = apply(&image, &Distortion { contrast: 0.25, ..Distortion::NONE });
    let at = (8 * CROP + 5) * DEPTH;
    // TensorFlow sums in 32 bits, where a thousandth of 7 is close to the rounding.
    let expected = [10.422355, -0.024083424, 0.030049771];
    assert_close(&[output[at + 2], output[at + 1], output[2]], &expected, 1e-4);
}

#[test]
fn crops_and_flips_take_the_right_pixels() {
    // One bright pixel tells where it goes.
    let mut image = vec![0; IMAGE_BYTES];
    for (i, pixel) in image.chunks_mut(DEPTH).enumerate() {
        pixel.fill(if (i / SIDE, i % SIDE) == (12, 9) { 255 } else { 0 });
    }
    let brightest = |top, left, flip| {
        let output = apply(&image, &Distortion { top, left, flip, ..Distortion::NONE });
        let at = output.iter().position(|&value| value > 1.0).unwrap() / DEPTH;
        (at / CROP, at % CROP)
    };
    assert_eq!(brightest(4, 4, false), (8, 5));
    assert_eq!(brightest(4, 4, true), (8, 18));
    assert_eq!(brightest(0, 8, false), (12, 1));
    assert_eq!(brightest(8, 0, true), (4, 14));
}

#[test]
fn draws_fill_their_ranges_evenly_and_depend_on_their_place_alone() {
    let stream = Stream::new(1, "augment");
    let draws: Vec<_> = (0..16_200).map(|example| REFERENCE.draw(&stream, 3, example)).collect();
    let mut crops = [0; OFFSETS * OFFSETS];
    draws.iter().for_each(|d| crops[d.top * OFFSETS + d.left] += 1);
    // 200 of each are expected; 5 sigma.
    assert!(crops.iter().all(|count| (130..=270).contains(count)), "{crops:?}");
    let mean = |value: &dyn Fn(&Distortion) -> f32| {
        draws.iter().map(value).sum::<f32>() / draws.len() as f32
    };
    assert!((mean(&|d| f32::from(u8::from(d.flip))) - 0.5).abs() < 0.02);
    assert!(mean(&|d| d.brightness).abs() < 1.5);
    assert!((mean(&|d| d.contrast) - 1.0).abs() < 0.02);
    let lowest = |value: &dyn Fn(&Distortion) -> f32| draws.iter().map(value).fold(999.0, f32::min);
    let highest =
        |value: &dyn Fn(&Distortion) -> f32| draws.iter().map(value).fold(-999.0, f32::max);
    assert!((-63.0..-62.9).contains(&lowest(&|d| d.brightness)));
    assert!((62.9..63.0).contains(&highest(&|d| d.brightness)));
    assert!((0.2..0.201).contains(&lowest(&|d| d.contrast)));
    assert!((1.799..1.8).contains(&highest(&|d| d.contrast)));
    assert_eq!(REFERENCE.draw(&stream, 3, 77), draws[77]);
    assert_ne!(REFERENCE.draw(&stream, 4, 77), draws[77]);
    assert_ne!(REFERENCE.draw(&Stream::new(2, "augment"), 3, 77), draws[77]);
}

fn images(count: usize) -> Labelled {
    let mut images = Labelled::empty(SHAPE);
    (0..count).for_each(|i| images.push((i % 10) as u8, &image(i)));
    images
}

#[test]
fn a_training_batch_holds_the_examples_of_its_order() {
    let (images, stream) = (images(10), Stream::new(1, "augment"));
    let order = Shuffle::new(1, "order", 10).unwrap();
    let (mut inputs, mut labels) = (vec![0.0; 4 * CROP_VALUES], vec![0; 4]);
    // The one from 8 on runs across the end of the epoch.
    for first in [8, 0] {
        augment().distorted_inputs(&images, &order, &stream, first, &mut inputs, &mut labels);
        order.for_each(first, 4, |i, place| {
            let distortion = REFERENCE.draw(&stream, place.epoch, place.example);
            let expected = apply(images.image(place.example as usize), &distortion);
            assert_eq!(inputs[i * CROP_VALUES..(i + 1) * CROP_VALUES], expected);
            assert_eq!(labels[i], place.example);
        });
    }
    // Two halves are the whole.
    let (mut half, mut of_half) = (vec![0.0; 2 * CROP_VALUES], vec![0; 2]);
    augment().distorted_inputs(&images, &order, &stream, 2, &mut half, &mut of_half);
    assert_eq!((&half[..], &of_half[..]), (&inputs[2 * CROP_VALUES..], &labels[2..]));
}

#[test]
fn an_evaluation_batch_holds_the_centres_in_order() {
    let images = images(6);
    let mut crops = vec![0.0; 3 * CROP_VALUES];
    augment().inputs(&images, 2..5, &mut crops);
    assert_eq!(crops[CROP_VALUES..2 * CROP_VALUES], apply(images.image(3), &Distortion::NONE));
}

#[test]
#[should_panic(expected = "the crop extends past the image")]
fn a_crop_outside_the_image_is_refused() {
    apply(&image(0), &Distortion { top: 9, ..Distortion::NONE });
}

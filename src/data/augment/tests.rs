//! Every step against plain formulas, and lists of them.

use super::*;
use crate::data::Labelled;
use crate::data::shuffle::Shuffle;
use crate::rng::Stream;

const SHAPE: Shape = Shape { height: 5, width: 7, depth: 2 };

fn image(shape: Shape, seed: usize) -> Vec<u8> {
    (0..shape.values()).map(|i| ((i * i * 37 + i * 11 + seed * 101) % 251) as u8).collect()
}

fn step(text: &str) -> Step {
    text.parse().unwrap()
}

fn steps(texts: &[&str]) -> Vec<Step> {
    texts.iter().map(|text| step(text)).collect()
}

/// What a step makes of the image of bytes.
fn apply(text: &str, image: &[u8], random: Option<u32>) -> (Shape, Vec<f32>) {
    let mut canvas = Canvas::default();
    canvas.load(image, SHAPE);
    let expect = step(text).output(SHAPE).unwrap();
    step(text).apply(&mut canvas, random.map(|word| [word, 1, 2, 3]));
    assert_eq!(canvas.shape(), expect);
    (expect, canvas.values().to_vec())
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= tolerance, "value {i} is {found} instead of {expected}");
    }
}

/// The value of an image with zeros around it.
fn at(image: &[u8], y: isize, x: isize, channel: usize) -> f64 {
    let inside = (0..SHAPE.height as isize).contains(&y) && (0..SHAPE.width as isize).contains(&x);
    let place = (y * SHAPE.width as isize + x) * SHAPE.depth as isize + channel as isize;
    if inside { f64::from(image[place as usize]) } else { 0.0 }
}

/// The window of `shape` that begins at row `top` and column `left`.
fn window(image: &[u8], top: isize, left: isize, shape: Shape) -> Vec<f64> {
    let mut values = Vec::new();
    for y in 0..shape.height as isize {
        for x in 0..shape.width as isize {
            values.extend((0..shape.depth).map(|c| at(image, top + y, left + x, c)));
        }
    }
    values
}

/// The first random word that stands for place `i` of `n`.
fn word(i: usize, n: usize) -> u32 {
    ((i as u64) << 32).div_ceil(n as u64) as u32
}

#[test]
fn crops_begin_at_every_place_and_in_evaluation_at_the_centre() {
    let image = image(SHAPE, 1);
    for (text, height, width) in [("crop 3", 3, 3), ("crop 5 7", 5, 7), ("crop 4 2", 4, 2)] {
        let (rows, columns) = (SHAPE.height - height + 1, SHAPE.width - width + 1);
        for i in 0..rows * columns {
            let (shape, found) = apply(text, &image, Some(word(i, rows * columns)));
            assert_eq!((shape.height, shape.width, shape.depth), (height, width, 2));
            let (top, left) = ((i / columns) as isize, (i % columns) as isize);
            assert_close(&found, &window(&image, top, left, shape), 0.0);
        }
        let (shape, found) = apply(text, &image, None);
        let (top, left) = ((SHAPE.height - height) / 2, (SHAPE.width - width) / 2);
        assert_close(&found, &window(&image, top as isize, left as isize, shape), 0.0);
    }
}

#[test]
fn padding_is_zeros_and_keeps_the_size() {
    let image = image(SHAPE, 2);
    for pad in [1, 2, 5] {
        let (text, places) = (format!("pad-and-crop {pad}"), 2 * pad + 1);
        for i in 0..places * places {
            let (shape, found) = apply(&text, &image, Some(word(i, places * places)));
            assert_eq!(shape, SHAPE);
            let [top, left] = [i / places, i % places].map(|at| at as isize - pad as isize);
            assert_close(&found, &window(&image, top, left, SHAPE), 0.0);
        }
        assert_close(&apply(&text, &image, None).1, &window(&image, 0, 0, SHAPE), 0.0);
    }
}

#[test]
fn a_flip_exchanges_left_and_right_and_no_channels() {
    let image = image(SHAPE, 3);
    let same = window(&image, 0, 0, SHAPE);
    let mut flipped = Vec::new();
    for y in 0..SHAPE.height as isize {
        for x in (0..SHAPE.width as isize).rev() {
            flipped.extend((0..SHAPE.depth).map(|c| at(&image, y, x, c)));
        }
    }
    assert_close(&apply("flip", &image, Some(1 << 31)).1, &flipped, 0.0);
    assert_close(&apply("flip", &image, Some((1 << 31) - 1)).1, &same, 0.0);
    assert_close(&apply("flip", &image, None).1, &same, 0.0);
}

#[test]
fn brightness_and_contrast_are_the_plain_formulas() {
    let image = image(SHAPE, 4);
    let same = window(&image, 0, 0, SHAPE);
    for word in [0, 1 << 30, 3_000_000_000, u32::MAX] {
        let share = f64::from(word >> 8) / f64::from(1 << 24);
        let bright: Vec<f64> = same.iter().map(|x| x - 20.5 + 41.0 * share).collect();
        assert_close(&apply("brightness 20.5", &image, Some(word)).1, &bright, 1e-4);
        let factor = 0.25 + 1.5 * share;
        let mut contrast = same.clone();
        for channel in 0..SHAPE.depth {
            let values = same.iter().skip(channel).step_by(SHAPE.depth);
            let mean = values.sum::<f64>() / (SHAPE.height * SHAPE.width) as f64;
            for value in contrast.iter_mut().skip(channel).step_by(SHAPE.depth) {
                *value = (*value - mean) * factor + mean;
            }
        }
        assert_close(&apply("contrast 0.25 1.75", &image, Some(word)).1, &contrast, 1e-4);
    }
    assert_close(&apply("brightness 20.5", &image, None).1, &same, 0.0);
    assert_close(&apply("contrast 0.25 1.75", &image, None).1, &same, 0.0);
}

#[test]
fn a_standardised_picture_has_mean_0_and_deviation_1_or_less() {
    let image = image(SHAPE, 5);
    let values = window(&image, 0, 0, SHAPE);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let expected: Vec<f64> = values.iter().map(|x| (x - mean) / deviation).collect();
    assert_close(&apply("standardise", &image, None).1, &expected, 1e-6);
    assert_close(&apply("standardise", &image, Some(9)).1, &expected, 1e-6);
    assert!(apply("standardise", &[200; 70], None).1.iter().all(|&value| value == 0.0));
    // One value differs by one: the deviation is less than 1 / √n.
    let mut nearly = [200; 70];
    nearly[3] = 201;
    let found = apply("standardise", &nearly, None).1;
    assert_close(&[found[3], found[4]], &[69.0 / 70.0 * n.sqrt(), -n.sqrt() / 70.0], 1e-5);
}

#[test]
fn steps_are_written_as_they_are_read() {
    let texts = [
        "crop 24",
        "crop 24 16",
        "pad-and-crop 4",
        "flip",
        "brightness 63",
        "contrast 0.2 1.8",
        "standardise",
    ];
    for text in texts {
        assert_eq!(step(text).to_string(), text);
        let json = serde_json::to_string(&step(text)).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Step>(&json).unwrap(), step(text));
    }
    assert_eq!(step(" crop  9 9 ").to_string(), "crop 9");
}

#[test]
fn what_is_no_step_is_an_error_with_its_text() {
    let error = |text: &str| text.parse::<Step>().unwrap_err().to_string();
    assert_eq!(error(" "), "a step is empty");
    assert!(error("mirror").starts_with("\"mirror\" is not a step; the steps are: crop SIDE, "));
    assert!(error("crop").contains("is not a step") && error("flip 1").contains("is not a step"));
    assert_eq!(error("crop 0"), "\"crop 0\": 0 must be a number from 1 to 65536");
    assert_eq!(error("crop 8 -1"), "\"crop 8 -1\": -1 must be a number from 1 to 65536");
    assert_eq!(
        error("pad-and-crop 1.5"),
        "\"pad-and-crop 1.5\": 1.5 must be a number from 1 to 65536"
    );
    assert_eq!(error("brightness NaN"), "\"brightness NaN\": NaN must be a number from 0 to 255");
    assert_eq!(error("contrast 1.5 1"), "\"contrast 1.5 1\": 1 must be a number from 1.5 to 100");
    let refused = |texts: &[&str]| Augment::new(&steps(texts), SHAPE).unwrap_err().to_string();
    assert_eq!(
        refused(&["crop 4", "crop 3 5"]),
        "must not take a crop of 3 × 5 from images of 4 × 4 (\"crop 3 5\")"
    );
    assert_eq!(
        refused(&["flip", "pad-and-crop 6"]),
        "must not pad images of 5 × 7 by 6 (\"pad-and-crop 6\")"
    );
}

/// An image as a list makes it in training.
fn distort(augment: &Augment, seed: u64, epoch: u64, example: u32) -> Vec<f32> {
    let (image, stream) = (image(augment.input(), 6), Stream::new(seed, "distortion"));
    let mut output = vec![f32::NAN; augment.output().values()];
    augment.distort(&stream, (epoch, example), &image, &mut Canvas::default(), &mut output);
    output
}

#[test]
fn a_list_draws_by_seed_epoch_example_and_place() {
    let input = Shape { height: 20, width: 16, depth: 4 };
    let list = ["pad-and-crop 3", "flip", "brightness 50", "contrast 0.5 1.5", "crop 9 8"];
    let augment = Augment::new(&steps(&list), input).unwrap();
    assert_eq!(augment.output(), Shape { height: 9, width: 8, depth: 4 });
    let first = distort(&augment, 1, 0, 3);
    assert!(first.iter().all(|value| value.is_finite()));
    assert_eq!(distort(&augment, 1, 0, 3), first);
    assert_ne!(distort(&augment, 2, 0, 3), first);
    assert_ne!(distort(&augment, 1, 1, 3), first);
    assert_ne!(distort(&augment, 1, 0, 4), first);
    // Two steps of a kind draw on their own.
    let twice = Augment::new(&steps(&["brightness 50", "brightness 50"]), input).unwrap();
    let [once, both] = [&Augment::new(&steps(&["brightness 50"]), input).unwrap(), &twice]
        .map(|augment| distort(augment, 1, 0, 3)[0] - f32::from(image(input, 6)[0]));
    assert!((both - 2.0 * once).abs() > 1e-3, "{both} {once}");
    // Evaluation draws nothing.
    let (image, mut output) = (image(input, 6), vec![0.0; augment.output().values()]);
    augment.evaluate(&image, &mut Canvas::default(), &mut output);
    let centre = Augment::new(&steps(&["crop 9 8"]), input).unwrap();
    let mut expected = vec![0.0; output.len()];
    centre.evaluate(&image, &mut Canvas::default(), &mut expected);
    assert_eq!(output, expected);
}

const REFERENCE: [&str; 5] =
    ["crop 24", "flip", "brightness 63", "contrast 0.2 1.8", "standardise"];

// Its steps take a word each of one counter.
#[test]
fn the_list_of_the_reference_is_what_its_steps_are_one_by_one() {
    let input = Shape { height: 32, width: 32, depth: 3 };
    let augment = Augment::new(&steps(&REFERENCE), input).unwrap();
    let (image, mut canvas) = (image(input, 7), Canvas::default());
    let stream = Stream::new(1, "distortion");
    for example in 0..20 {
        let mut output = vec![0.0; augment.output().values()];
        augment.distort(&stream, (2, example), &image, &mut canvas, &mut output);
        let words = stream.block(2, u64::from(example));
        canvas.load(&image, input);
        for (i, step) in steps(&REFERENCE).into_iter().enumerate() {
            step.apply(&mut canvas, Some([words[i.min(3)]; 4]));
        }
        let expected: Vec<f64> = canvas.values().iter().copied().map(f64::from).collect();
        assert_close(&output, &expected, 1e-4);
        augment.evaluate(&image, &mut canvas, &mut output);
        canvas.load(&image, input);
        steps(&REFERENCE).into_iter().for_each(|step| step.apply(&mut canvas, None));
        let expected: Vec<f64> = canvas.values().iter().copied().map(f64::from).collect();
        assert_close(&output, &expected, 1e-5);
    }
}

#[test]
fn a_batch_is_cut_anywhere() {
    let mut images = Labelled::empty(SHAPE);
    (0..9).for_each(|i| images.push(i as u8, &image(SHAPE, i)));
    let augment = Augment::new(&steps(&["crop 3", "contrast 0 2"]), SHAPE).unwrap();
    let (order, stream) = (Shuffle::new(1, "order", 9).unwrap(), Stream::new(1, "distortion"));
    let batch = |first, n| {
        let (mut inputs, mut labels) = (vec![0.0; n * 18], vec![0; n]);
        augment.distorted_inputs(&images, &order, &stream, first, &mut inputs, &mut labels);
        (inputs, labels)
    };
    let ((whole, labels), (half, of_half)) = (batch(6, 6), batch(9, 3));
    assert_eq!((&whole[3 * 18..], &labels[3..]), (&half[..], &of_half[..]));
    let mut inputs = vec![0.0; 2 * 18];
    augment.inputs(&images, 4..6, &mut inputs);
    assert_close(
        &inputs[18..],
        &window(&image(SHAPE, 5), 1, 2, Shape { height: 3, width: 3, depth: 2 }),
        0.0,
    );
}

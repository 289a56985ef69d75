use super::*;

/// FNV-1a over 64 bits.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// Each class's mean image.
fn centroids(bytes: usize, pixels: &[u8], labels: &[u8]) -> Vec<Vec<f32>> {
    let mut sums = vec![vec![0.0; bytes]; CLASSES];
    for (picture, &label) in pixels.chunks_exact(bytes).zip(labels) {
        let sum = &mut sums[usize::from(label)];
        sum.iter_mut().zip(picture).for_each(|(sum, &byte)| *sum += f32::from(byte));
    }
    let per_class = (labels.len() / CLASSES) as f32;
    sums.iter().map(|sum| sum.iter().map(|sum| sum / per_class).collect()).collect()
}

fn squared_distance(picture: &[u8], centroid: &[f32]) -> f32 {
    picture.iter().zip(centroid).map(|(&byte, mean)| (f32::from(byte) - mean).powi(2)).sum()
}

/// The share of test images that are nearest to the mean image of their own class.
fn nearest_centroid<D: SyntheticImages>(train: &D, test: &D) -> f64 {
    let (pixels, labels) = train.examples(5_000, 2).unwrap();
    let centroids = centroids(D::BYTES, &pixels, &labels);
    let (pixels, labels) = test.examples(1_000, 2).unwrap();
    let right = pixels.chunks_exact(D::BYTES).zip(&labels).filter(|&(picture, &label)| {
        let distance = |class: usize| squared_distance(picture, &centroids[class]);
        let own = distance(usize::from(label));
        (0..CLASSES).all(|class| class == usize::from(label) || distance(class) > own)
    });
    right.count() as f64 / labels.len() as f64
}

/// The share of test images that softmax regression on the pixels gets right, after plain gradient
/// descent by single images.
fn softmax_regression<D: SyntheticImages>(train: &D, test: &D) -> f64 {
    const EPOCHS: usize = 4;
    let (pixels, labels) = train.examples(4_000, 2).unwrap();
    let mut weights = vec![0.0_f32; CLASSES * D::BYTES];
    let scaled = |picture: &[u8]| -> Vec<f32> {
        picture.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect()
    };
    let logits = |weights: &[f32], input: &[f32]| -> Vec<f32> {
        let dot = |row: &[f32]| row.iter().zip(input).map(|(w, x)| w * x).sum();
        weights.chunks_exact(D::BYTES).map(dot).collect()
    };
    for _ in 0..EPOCHS {
        for (picture, &label) in pixels.chunks_exact(D::BYTES).zip(&labels) {
            let input = scaled(picture);
            let powers: Vec<f32> = logits(&weights, &input).iter().map(|z| z.exp()).collect();
            let total: f32 = powers.iter().sum();
            for (class, row) in weights.chunks_exact_mut(D::BYTES).enumerate() {
                let gradient = powers[class] / total - f32::from(class == usize::from(label));
                row.iter_mut().zip(&input).for_each(|(w, x)| *w -= 3e-4 * gradient * x);
            }
        }
    }
    let (pixels, labels) = test.examples(1_000, 2).unwrap();
    let right = pixels.chunks_exact(D::BYTES).zip(&labels).filter(|&(picture, &label)| {
        let z = logits(&weights, &scaled(picture));
        (0..CLASSES).all(|class| z[class] <= z[usize::from(label)])
    });
    right.count() as f64 / labels.len() as f64
}

#[test]
fn the_pictures_never_change() {
    let (digits, labels) = Digits::new(1, Split::Train).examples(100, 1).unwrap();
    assert_eq!(
        [checksum(&digits), checksum(&labels)],
        [0x55d4_2392_f2a5_1867, 0xac6d_ddc6_0dd9_bfe3]
    );
    let (shapes, labels) = Shapes::new(1, Split::Train).examples(100, 1).unwrap();
    assert_eq!(
        [checksum(&shapes), checksum(&labels)],
        [0xdfa2_1a79_daaf_5150, 0x1168_29d5_526e_ed75]
    );
}

#[test]
fn any_number_of_threads_draws_the_same() {
    let digits = Digits::new(7, Split::Train);
    let one = digits.examples(57, 1).unwrap();
    for n_threads in [2, 3, 5, 64] {
        assert_eq!(digits.examples(57, n_threads).unwrap(), one);
    }
    let mut alone = vec![1; Digits::BYTES];
    assert_eq!(digits.draw(41, &mut alone), one.1[41]);
    assert_eq!(alone, one.0[41 * Digits::BYTES..][..Digits::BYTES]);
    assert_eq!(Shapes::new(7, Split::Train).examples(0, 2).unwrap(), (vec![], vec![]));
}

#[test]
fn seeds_and_splits_have_pictures_of_their_own() {
    let checksum = |seed, split| checksum(&Shapes::new(seed, split).examples(10, 1).unwrap().0);
    let checksums =
        [checksum(1, Split::Train), checksum(1, Split::Test), checksum(2, Split::Train)];
    assert!(checksums[0] != checksums[1] && checksums[0] != checksums[2]);
}

#[test]
fn each_ten_pictures_show_every_class_in_an_order_of_their_own() {
    let digits = Digits::new(3, Split::Train);
    let ten = |at: u64| -> Vec<u8> { (at * 10..at * 10 + 10).map(|i| digits.label(i)).collect() };
    for at in 0..50 {
        let mut labels = ten(at);
        labels.sort_unstable();
        assert_eq!(labels, (0..10).collect::<Vec<u8>>());
    }
    assert_ne!(ten(0), ten(1));
}

#[test]
fn digits_are_light_on_black_and_lie_within_the_picture() {
    let (pixels, _) = Digits::new(1, Split::Test).examples(500, 2).unwrap();
    for picture in pixels.chunks_exact(Digits::BYTES) {
        let ink = picture.iter().filter(|&&byte| byte > 100).count();
        assert!((12..400).contains(&ink), "{ink} pixels of ink");
        let border = (0..28).flat_map(|i| [i, 27 * 28 + i, 28 * i, 28 * i + 27]);
        let at_border = border.filter(|&at| picture[at] > 100).count();
        assert!(at_border < 12, "{at_border} pixels of ink at the border");
    }
}

#[test]
fn digits_need_more_than_their_mean_pictures() {
    let right = nearest_centroid(&Digits::new(1, Split::Train), &Digits::new(1, Split::Test));
    assert!((0.35..0.85).contains(&right), "{right}");
}

#[test]
fn shapes_need_more_than_a_linear_classifier() {
    let (train, test) = (Shapes::new(1, Split::Train), Shapes::new(1, Split::Test));
    let right = nearest_centroid(&train, &test);
    assert!(right < 0.4, "nearest centroid: {right}");
    let right = softmax_regression(&train, &test);
    assert!(right < 0.5, "softmax regression: {right}");
}

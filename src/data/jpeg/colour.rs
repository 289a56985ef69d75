//! From the components of an image to grey, or to red, green and blue.

use anyhow::{Result, ensure};

/// What the components of an image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColourSpace {
    Grey,
    /// Luma, and how far blue and red are from it.
    YCbCr,
    Rgb,
    /// What is printed; Adobe's programs store what is left of the paper instead.
    Cmyk {
        inverted: bool,
    },
    /// As `YCbCr`, of red, green and blue that stand for cyan, magenta and yellow; and black.
    Ycck {
        inverted: bool,
    },
}

impl ColourSpace {
    /// What components of these names are, by libjpeg's rules: `jfif` is whether the file says to
    /// be of JFIF, and `adobe` the transform that Adobe's marker names.
    pub(super) fn of(ids: &[u8], jfif: bool, adobe: Option<u8>) -> Self {
        let inverted = adobe.is_some();
        match (ids, adobe) {
            ([_], _) => Self::Grey,
            ([_, _, _], _) if jfif => Self::YCbCr,
            ([_, _, _], Some(0)) | (b"RGB", None) => Self::Rgb,
            ([_, _, _], _) => Self::YCbCr,
            (_, None | Some(0)) => Self::Cmyk { inverted },
            _ => Self::Ycck { inverted },
        }
    }
}

/// How a row of pixels comes from the rows of the components.
pub(super) struct Conversion {
    from: ColourSpace,
    /// 1 or 3.
    channels: usize,
}

impl Conversion {
    /// Converts to this many channels: 1 is grey, 3 is red, green and blue, and 0 what the image
    /// has.
    ///
    /// # Errors
    /// The number is none of these, or CMYK would become grey, which `decode_jpeg` does not do
    /// either.
    pub(super) fn new(from: ColourSpace, channels: usize) -> Result<Self> {
        use ColourSpace::{Cmyk, Grey, Ycck};
        let channels = super::channels(channels, from == Grey)?;
        ensure!(
            channels == 3 || !matches!(from, Cmyk { .. } | Ycck { .. }),
            "is a CMYK image, which cannot be converted to grey; read it with 3 channels"
        );
        Ok(Self { from, channels })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// How many of the components count, from the first on.
    pub(super) fn components(&self) -> usize {
        match (self.from, self.channels) {
            (ColourSpace::Grey, _) | (ColourSpace::YCbCr, 1) => 1,
            (ColourSpace::YCbCr | ColourSpace::Rgb, _) => 3,
            _ => 4,
        }
    }

    /// Makes a row of pixels. Rows of components may be longer than it.
    pub(super) fn row(&self, components: &[&[u8]], row: &mut [u8]) {
        match (self.from, self.channels, components) {
            (ColourSpace::Rgb, 1, [red, green, blue]) => {
                for (((to, &r), &g), &b) in row.iter_mut().zip(*red).zip(*green).zip(*blue) {
                    *to = luma(r, g, b);
                }
            }
            (_, 1, [grey, ..]) => row.copy_from_slice(&grey[..row.len()]),
            (ColourSpace::YCbCr, _, [y, cb, cr]) => ycbcr_row(y, cb, cr, row),
            (ColourSpace::Ycck { inverted }, _, [y, cb, cr, black]) => {
                ycbcr_row(y, cb, cr, row);
                for (pixel, &black) in row.as_chunks_mut::<3>().0.iter_mut().zip(*black) {
                    *pixel = printed(pixel.map(|of| 255 - of), black, inverted);
                }
            }
            (ColourSpace::Cmyk { inverted }, _, [cyan, magenta, yellow, black]) => {
                let colours = cyan.iter().zip(*magenta).zip(*yellow).zip(*black);
                for (pixel, (((&c, &m), &y), &k)) in
                    row.as_chunks_mut::<3>().0.iter_mut().zip(colours)
                {
                    *pixel = printed([c, m, y], k, inverted);
                }
            }
            (_, _, [red, rest @ ..]) => {
                let (green, blue) = match rest {
                    [green, blue] => (*green, *blue),
                    _ => (*red, *red),
                };
                let colours = red.iter().zip(green).zip(blue);
                for (pixel, ((&r, &g), &b)) in row.as_chunks_mut::<3>().0.iter_mut().zip(colours) {
                    *pixel = [r, g, b];
                }
            }
            _ => {}
        }
    }
}

/// The luma of a pixel, as libjpeg rounds it.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16) as u8
}

/// Red, green and blue of what is printed, as `decode_jpeg` has it.
fn printed(colours: [u8; 3], black: u8, inverted: bool) -> [u8; 3] {
    let light = |ink: u8| u16::from(if inverted { ink } else { 255 - ink });
    colours.map(|colour| (light(colour) * light(black) / 255) as u8)
}

/// Pixels that are converted at a time.
const PIXELS: usize = 16;

fn ycbcr_row(y: &[u8], cb: &[u8], cr: &[u8], row: &mut [u8]) {
    let (pixels, rest) = row.as_chunks_mut::<{ 3 * PIXELS }>();
    let parts = y.as_chunks().0.iter().zip(cb.as_chunks().0).zip(cr.as_chunks().0);
    for (to, ((y, cb), cr)) in pixels.iter_mut().zip(parts) {
        *to = converted(y, cb, cr);
    }
    let done = pixels.len() * PIXELS;
    let last = |from: &[u8]| {
        let mut last = [0; PIXELS];
        let from = &from[done..][..rest.len() / 3];
        last[..from.len()].copy_from_slice(from);
        last
    };
    let pixels = converted(&last(y), &last(cb), &last(cr));
    rest.copy_from_slice(&pixels[..rest.len()]);
}

/// R = Y + 1.402 Cr, G = Y − 0.34414 Cb − 0.71414 Cr, B = Y + 1.772 Cb, in 16 bits of fraction.
/// Whole parts of the factors are taken apart, so that what is left of them has 16 bits.
#[inline(always)]
fn converted(y: &[u8; PIXELS], cb: &[u8; PIXELS], cr: &[u8; PIXELS]) -> [u8; 3 * PIXELS] {
    let product = |value: i16, factor: i16| i32::from(value) * i32::from(factor);
    let high = |value: i32| (value >> 16) as i16;
    // A product of 16 bits, rounded.
    let part = |value: i16, factor: i16| (high(product(2 * value, factor)) + 1) >> 1;
    let mut planes = [[0; PIXELS]; 3];
    for at in 0..PIXELS {
        let [y, cb, cr] = [y[at], cb[at], cr[at]].map(i16::from);
        let (cb, cr) = (cb - 128, cr - 128);
        let colours = [
            y + cr + part(cr, 26345),
            y - cr + high(product(cb, -22554) + product(cr, 18734) + (1 << 15)),
            y + 2 * cb + part(cb, -14942),
        ];
        for (plane, colour) in planes.iter_mut().zip(colours) {
            plane[at] = colour.clamp(0, 255) as u8;
        }
    }
    std::array::from_fn(|at| planes[at % 3][at / 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against libjpeg's tables (`jdcolor.c`): factors of 16 bits of fraction, rounded once.
    #[test]
    fn all_chroma_is_converted_as_by_tables() {
        for (y, cb) in [0, 77, 255].into_iter().flat_map(|y| (0..=255).map(move |cb| (y, cb))) {
            let cr: Vec<u8> = (0..=255).collect();
            let mut row = [0; 3 * 256];
            ycbcr_row(&[y; 256], &[cb; 256], &cr, &mut row);
            for (pixel, cr) in row.as_chunks::<3>().0.iter().zip(cr) {
                let (y, blue, red) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
                let rounded = |product: i32| y + ((product + 32768) >> 16);
                let expected =
                    [91881 * red, -22554 * blue - 46802 * red, 116_130 * blue].map(rounded);
                assert_eq!(*pixel, expected.map(|of| of.clamp(0, 255) as u8), "{y} {cb} {cr}");
            }
        }
    }
}

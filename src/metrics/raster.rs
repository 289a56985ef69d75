//! Pixels, and the bytes of their PNG.

use anyhow::{Context, Result, ensure};

use super::Picture;

/// A picture of 8-bit pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raster<'a> {
    /// Pixels of a row.
    pub width: usize,
    /// The number of rows.
    pub height: usize,
    /// Bytes of a pixel: 1 is grey, 3 are red, green and blue.
    pub channels: usize,
    /// `(row · width + column) · channels + channel`.
    pub pixels: &'a [u8],
}

impl Raster<'_> {
    /// The picture as the bytes of a PNG file.
    ///
    /// # Errors
    /// When the pixels are not a picture of that size.
    pub fn png(&self) -> Result<Vec<u8>> {
        let Self { width, height, channels, pixels } = *self;
        let color = match channels {
            1 => png::ColorType::Grayscale,
            _ => png::ColorType::Rgb,
        };
        ensure!(
            [1, 3].contains(&channels) && pixels.len() == width * height * channels,
            "{} bytes are not an image of {width}×{height} pixels of {channels} bytes (1 or 3)",
            pixels.len()
        );
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width.try_into()?, height.try_into()?);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().context("cannot begin a PNG")?;
        writer.write_image_data(pixels).context("cannot encode a PNG")?;
        writer.finish().context("cannot complete a PNG")?;
        Ok(bytes)
    }

    /// The picture as TensorBoard shows it.
    ///
    /// # Errors
    /// When the pixels are not a picture of that size.
    pub fn summary(&self) -> Result<Picture> {
        Ok(Picture {
            width: self.width.try_into()?,
            height: self.height.try_into()?,
            channels: self.channels.try_into()?,
            png: self.png()?,
        })
    }

    /// The red, green and blue of a pixel.
    ///
    /// # Panics
    /// When it is outside.
    pub(in crate::metrics) fn colour(&self, column: usize, row: usize) -> [u8; 3] {
        let at = (row * self.width + column) * self.channels;
        std::array::from_fn(|channel| self.pixels[at + channel.min(self.channels - 1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_come_back_from_the_png() {
        for channels in [1, 3] {
            let pixels: Vec<u8> = (0..4 * 3 * channels).map(|i| (i * 11) as u8).collect();
            let raster = Raster { width: 4, height: 3, channels, pixels: &pixels };
            let Picture { width, height, png: bytes, .. } = raster.summary().unwrap();
            assert_eq!((width, height), (4, 3));
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut read = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut read).unwrap();
            assert_eq!(read, pixels);
            assert_eq!(raster.colour(1, 2)[0], pixels[9 * channels]);
        }
    }

    #[test]
    fn a_wrong_size_is_an_error() {
        let raster = Raster { width: 4, height: 3, channels: 2, pixels: &[0; 24] };
        let error = raster.png().unwrap_err().to_string();
        assert!(error.starts_with("24 bytes are not an image of 4×3 pixels of 2 bytes"), "{error}");
        assert!(Raster { channels: 3, ..raster }.png().is_err());
    }
}

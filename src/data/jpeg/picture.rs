//! An image while its scans are read.

use anyhow::{Result, ensure};

use super::bits::Bits;
use super::colour::Conversion;
use super::frame::{Coefficients, Component, Frame, SIDE};
use super::idct::InverseDct;
use super::progressive::{AcBand, DcFirst, DcRefinement, Stored};
use super::scan::{BlockPlace, Scan, decode_blocks};
use super::sequential::Sequential;
use super::stream::Tables;
use super::upsample::{Plane, Upsampler};
use super::{Bitmap, Damage, Dct};

/// Scans that an image has at most: real ones have about ten, and each costs time.
const MAX_SCANS: usize = 100;
/// The coefficients, in the order of zigzag, for which libjpeg makes up what scans have left out.
const SMOOTHED: usize = 10;

/// An image of which some scans have been read.
pub(super) struct Picture {
    pub(super) frame: Frame,
    conversion: Conversion,
    dct: Dct,
    samples: Samples,
    /// What is known of each component.
    known: Vec<Known>,
    n_scans: usize,
}

/// What there is of the samples.
enum Samples {
    /// Themselves, where each block is whole as soon as it is read.
    Planes(Vec<Plane>),
    /// The coefficients, until the last scan.
    Coefficients(Vec<Stored>),
}

/// What is known of a component.
struct Known {
    /// From its first scan on, how its coefficients become samples.
    inverse: Option<InverseDct>,
    /// For each coefficient in the order of zigzag, the bit at which its value ends so far.
    ends: [Option<u8>; SIDE * SIDE],
}

impl Picture {
    /// An image without a scan; `is_only` is whether a single scan has it all.
    ///
    /// # Errors
    /// It would need too much memory.
    pub(super) fn new(
        frame: Frame,
        conversion: Conversion,
        dct: Dct,
        is_only: bool,
    ) -> Result<Self> {
        frame.ensure_fits(!is_only, conversion.channels())?;
        let used = frame.components.iter().take(conversion.components());
        let samples = match is_only {
            true => Samples::Planes(used.map(Plane::new).collect()),
            false => Samples::Coefficients(frame.components.iter().map(Stored::new).collect()),
        };
        let unknown = |_: &Component| Known { inverse: None, ends: [None; SIDE * SIDE] };
        let known = frame.components.iter().map(unknown).collect();
        Ok(Self { frame, conversion, dct, samples, known, n_scans: 0 })
    }

    /// Reads a scan.
    ///
    /// # Errors
    /// It is damaged, or there have been too many.
    pub(super) fn scan(&mut self, scan: &Scan, tables: &Tables, bits: &mut Bits) -> Result<()> {
        self.n_scans += 1;
        ensure!(self.n_scans <= MAX_SCANS, Damage("it has more than 100 scans"));
        for of in &scan.components {
            let (known, component) = (&mut self.known[of.index], &self.frame.components[of.index]);
            ensure!(
                self.frame.progressive || known.inverse.is_none(),
                Damage("two scans have the same component")
            );
            if known.inverse.is_none() {
                let quantisation = tables.quantisation(component.quantisation)?;
                known.inverse = Some(InverseDct::new(self.dct, quantisation));
            }
            known.ends[scan.first..=scan.last].fill(Some(scan.low));
        }
        match (&mut self.samples, self.frame.progressive) {
            (Samples::Coefficients(stored), true) => {
                progressive_scan(&self.frame, scan, tables, bits, stored)?;
            }
            (samples, _) => {
                sequential_scan(&self.frame, &self.known, scan, tables, bits, samples)?;
            }
        }
        Ok(())
    }

    /// The pixels, once the last scan has been read; `fancy` is how components of fewer samples
    /// are brought to its size.
    ///
    /// # Errors
    /// Scans are missing.
    pub(super) fn into_bitmap(self, fancy: bool) -> Result<Bitmap, Damage> {
        if !self.is_complete() {
            return Err(Damage("some of its scans are missing"));
        }
        let Self { frame, conversion, samples, known, .. } = self;
        let planes = match samples {
            Samples::Planes(planes) => planes,
            Samples::Coefficients(stored) => {
                let of = frame.components.iter().zip(&known).zip(stored);
                let plane = |((of, known), stored)| plane(of, known, stored);
                of.take(conversion.components()).map(plane).collect()
            }
        };
        let (width, height, channels) = (frame.width, frame.height, conversion.channels());
        let mut upsamplers: Vec<_> = (frame.components.iter().zip(&planes))
            .map(|(of, plane)| Upsampler::new(&frame, of, plane, fancy))
            .collect();
        let mut pixels = vec![0; width * height * channels];
        for (y, row) in pixels.chunks_mut(width * channels).enumerate() {
            let rows: Vec<&[u8]> = upsamplers.iter_mut().map(|of| of.row(y)).collect();
            conversion.row(&rows, row);
        }
        Ok(Bitmap { width, height, channels, pixels })
    }

    /// Whether there is all that libjpeg needs, too, to give the samples as they were sent: it
    /// smooths images whose first coefficients are not known to the last bit.
    fn is_complete(&self) -> bool {
        let known = |of: &Known| of.ends[..SMOOTHED].iter().all(|&end| end == Some(0));
        self.known.iter().all(known)
    }
}

fn sequential_scan(
    frame: &Frame,
    known: &[Known],
    scan: &Scan,
    tables: &Tables,
    bits: &mut Bits,
    samples: &mut Samples,
) -> Result<(), Damage> {
    let both = scan.components.iter().map(|of| tables.sequential(of)).collect::<Result<_, _>>()?;
    let index = |place: BlockPlace| scan.components[place.component].index;
    match samples {
        Samples::Planes(planes) => {
            let put = |place: BlockPlace, block: &Coefficients, is_flat: bool| {
                let index = index(place);
                let inverse = &known[index].inverse;
                if let (Some(plane), Some(inverse)) = (planes.get_mut(index), inverse) {
                    let samples = match is_flat {
                        true => inverse.flat(block[0]),
                        false => inverse.samples(block),
                    };
                    plane.put(place.column, place.row, &samples);
                }
            };
            decode_blocks(frame, scan, tables.interval, bits, &mut Sequential::new(both, put))
        }
        Samples::Coefficients(stored) => {
            let put =
                |place, block: &Coefficients, _| *stored[index(place)].block(place).0 = *block;
            decode_blocks(frame, scan, tables.interval, bits, &mut Sequential::new(both, put))
        }
    }
}

fn progressive_scan(
    frame: &Frame,
    scan: &Scan,
    tables: &Tables,
    bits: &mut Bits,
    stored: &mut [Stored],
) -> Result<(), Damage> {
    let interval = tables.interval;
    match &scan.components[..] {
        [of] if scan.first > 0 => {
            let mut band = AcBand::new(scan, &mut stored[of.index], tables.ac(of.ac)?);
            decode_blocks(frame, scan, interval, bits, &mut band)
        }
        components if scan.high == 0 => {
            let codes = components.iter().map(|of| tables.dc(of.dc)).collect::<Result<_, _>>()?;
            decode_blocks(frame, scan, interval, bits, &mut DcFirst::new(scan, stored, codes))
        }
        _ => decode_blocks(frame, scan, interval, bits, &mut DcRefinement { stored, scan }),
    }
}

/// The samples of the coefficients of a component, which are given away.
fn plane(of: &Component, known: &Known, stored: Stored) -> Plane {
    let mut plane = Plane::new(of);
    let Some(inverse) = known.inverse else { return plane };
    for (row, blocks) in stored.rows().enumerate() {
        for (column, block) in blocks.iter().enumerate() {
            plane.put(column, row, &inverse.samples(block));
        }
    }
    plane
}

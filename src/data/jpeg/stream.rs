//! The segments of a file one after the other: tables, the frame, and its scans.

use anyhow::{Result, bail, ensure};

use super::bits::Bits;
use super::colour::{ColourSpace, Conversion};
use super::frame::{Frame, SIDE};
use super::huffman::{Code, Table};
use super::picture::Picture;
use super::scan::{Scan, ScanComponent};
use super::sequential::SequentialTables;
use super::{Damage, Options, ZIGZAG};

const MISSING: Damage = Damage("a Huffman table is missing");

/// What the segments so far have said.
pub(super) struct Stream<'a> {
    bytes: &'a [u8],
    /// The byte that is read next.
    at: usize,
    tables: Tables,
    jfif: bool,
    adobe: Option<u8>,
}

/// The tables that scans name, by their numbers.
#[derive(Default)]
pub(super) struct Tables {
    /// Row by row.
    quantisation: [Option<[u16; SIDE * SIDE]>; 4],
    dc: [Option<Code>; 4],
    ac: [Option<Code>; 4],
    /// MCUs from one restart to the next, or 0.
    pub(super) interval: usize,
}

impl<'a> Stream<'a> {
    /// The segments of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, tables: Tables::default(), jfif: false, adobe: None }
    }

    /// How many bytes have been read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Reads the image of the file to its end.
    pub(super) fn read(&mut self, options: Options) -> Result<Picture> {
        ensure!(self.bytes.starts_with(&[0xff, 0xd8]), Damage("it does not begin like one"));
        self.at = 2;
        let (mut frame, mut picture) = (None, None);
        loop {
            let marker = self.marker()?;
            match marker {
                // Between scans a restart means nothing.
                0x01 | 0xd0..=0xd7 => continue,
                0xd9 => return picture.ok_or(Damage("it has no scan").into()),
                0xc0..=0xcf | 0xda..=0xdd | 0xe0..=0xef | 0xfe => {}
                _ => bail!(Damage("it has a marker that is not allowed there")),
            }
            let segment = self.segment()?;
            match marker {
                0xc4 => self.tables.add_codes(segment)?,
                0xdb => self.tables.add_quantisation(segment)?,
                0xdd => self.tables.set_interval(segment)?,
                0xc0..=0xcb | 0xcd..=0xcf => {
                    let is_first = frame.is_none() && picture.is_none();
                    ensure!(is_first, Damage("it has a second frame"));
                    frame = Some(Frame::read(marker, segment)?);
                }
                0xda => {
                    if let Some(frame) = frame.take() {
                        picture = Some(self.begin(frame, segment, options)?);
                    }
                    let none = Damage("a scan comes before its frame");
                    self.scan(picture.as_mut().ok_or(none)?, segment)?;
                }
                0xe0 => self.jfif |= segment.starts_with(b"JFIF\0") && segment.len() >= 14,
                0xee if segment.starts_with(b"Adobe") => {
                    self.adobe = segment.get(11).copied().or(self.adobe);
                }
                _ => {}
            }
        }
    }

    /// The next marker. What is not a marker is skipped, as in libjpeg.
    fn marker(&mut self) -> Result<u8, Damage> {
        loop {
            let rest = &self.bytes[self.at..];
            let start = rest.iter().position(|&byte| byte == 0xff);
            let fill = |at| rest[at..].iter().position(|&byte| byte != 0xff).map(|n| at + n);
            let at = start.and_then(fill).ok_or(Damage("its end is missing"))?;
            self.at += at + 1;
            if rest[at] != 0 {
                return Ok(rest[at]);
            }
        }
    }

    /// The segment that begins here.
    fn segment(&mut self) -> Result<&'a [u8], Damage> {
        let rest = &self.bytes[self.at..];
        let length =
            rest.first_chunk().map_or(0, |&length| usize::from(u16::from_be_bytes(length)));
        let segment = rest.get(2..length).ok_or(Damage("a segment is truncated"))?;
        self.at += length;
        Ok(segment)
    }

    /// Prepares an image for its first scan, whose header is `segment`.
    fn begin(&self, frame: Frame, segment: &[u8], options: Options) -> Result<Picture> {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        let space = ColourSpace::of(&ids, self.jfif, self.adobe);
        let conversion = Conversion::new(space, options.channels)?;
        let scan = Scan::read(&frame, segment)?;
        let is_only = !frame.progressive && scan.components.len() == frame.components.len();
        Picture::new(frame, conversion, options.dct, is_only)
    }

    fn scan(&mut self, picture: &mut Picture, segment: &[u8]) -> Result<()> {
        let scan = Scan::read(&picture.frame, segment)?;
        let mut bits = Bits::new(self.bytes, self.at);
        let result = picture.scan(&scan, &self.tables, &mut bits);
        self.at = bits.at();
        result
    }
}

impl Tables {
    fn add_codes(&mut self, mut segment: &[u8]) -> Result<()> {
        while let Some((&number, rest)) = segment.split_first() {
            segment = rest;
            let codes = if number >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let place = codes.get_mut(usize::from(number & 15)).filter(|_| number < 32);
            *place.ok_or(Damage("a Huffman table has an id above 3"))? =
                Some(Code::take(&mut segment)?);
        }
        Ok(())
    }

    fn set_interval(&mut self, segment: &[u8]) -> Result<(), Damage> {
        let &[high, low] = segment else {
            return Err(Damage("its restart interval is not a number"));
        };
        self.interval = u16::from_be_bytes([high, low]).into();
        Ok(())
    }

    fn add_quantisation(&mut self, mut segment: &[u8]) -> Result<(), Damage> {
        while let Some((&number, rest)) = segment.split_first() {
            let bytes = if number >> 4 == 0 { 1 } else { 2 };
            let cut = Damage("a quantisation table is truncated");
            let (values, rest) = rest.split_at_checked(SIDE * SIDE * bytes).ok_or(cut)?;
            let place = self.quantisation.get_mut(usize::from(number & 15));
            let table = place.ok_or(Damage("a quantisation table has an id above 3"))?;
            let table = table.insert([0; SIDE * SIDE]);
            for (value, &to) in values.chunks(bytes).zip(&ZIGZAG) {
                let value = value.iter().fold(0, |high, &low| high << 8 | u16::from(low));
                table[usize::from(to)] = value;
            }
            segment = rest;
        }
        Ok(())
    }

    /// # Errors
    /// The file has not given that table.
    pub(super) fn quantisation(&self, number: usize) -> Result<&[u16; SIDE * SIDE], Damage> {
        self.quantisation[number].as_ref().ok_or(Damage("a quantisation table is missing"))
    }

    /// The tables of a scan of whole blocks. Frames of Motion JPEG leave out those that T.81 prints.
    ///
    /// # Errors
    /// The file gives none of that number, and T.81 does not either; or they are wrong.
    pub(super) fn sequential(&self, of: &ScanComponent) -> Result<SequentialTables, Damage> {
        let or_printed =
            |own: &[Option<Code>], number: usize, printed: fn(usize) -> Option<Code>| {
                own[number].clone().or_else(|| printed(number))
            };
        let dc = or_printed(&self.dc, of.dc, Code::printed_dc);
        let ac = or_printed(&self.ac, of.ac, Code::printed_ac);
        Ok(SequentialTables { dc: dc_table(dc.as_ref())?, ac: ac_table(ac.as_ref())? })
    }

    /// The table of DC coefficients.
    ///
    /// # Errors
    /// The file has not given it, or it is wrong.
    pub(super) fn dc(&self, number: usize) -> Result<Table, Damage> {
        dc_table(self.dc[number].as_ref())
    }

    /// The table of AC coefficients.
    ///
    /// # Errors
    /// The file has not given it, or it is wrong.
    pub(super) fn ac(&self, number: usize) -> Result<Table, Damage> {
        ac_table(self.ac[number].as_ref())
    }
}

fn dc_table(code: Option<&Code>) -> Result<Table, Damage> {
    let code = code.ok_or(MISSING)?;
    if !code.is_of_sizes() {
        return Err(Damage("a Huffman table has sizes above 15"));
    }
    code.table()
}

fn ac_table(code: Option<&Code>) -> Result<Table, Damage> {
    code.ok_or(MISSING)?.table()
}

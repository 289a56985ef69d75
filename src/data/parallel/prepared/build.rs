//! Making token ids of a text, a few thousand pairs at a time.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::Preparation;
use super::header::{HEADER, Header, INDEX};
use crate::atomic;
use crate::data::parallel::{Invalid, Pair, Progress};
use crate::data::tokenizer::{Side, Tokenizer};
use crate::system::{memory, threads};

/// Pairs that are in memory at a time.
const CHUNK: usize = 1 << 13;

/// Writes the file at `path`.
pub(super) fn in_file(
    what: &Preparation,
    path: &Path,
    mut header: Header,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    // The index follows the ids, which are known pair by pair as it is: it waits in a file.
    let index = path.with_extension("index.tmp");
    atomic::write_with(path, |file| {
        let mut options = File::options();
        let spool = options.read(true).write(true).create(true).truncate(true).open(&index);
        let spool = spool.with_context(|| format!("cannot write {}", index.display()))?;
        // Nobody else opens it, and without its name nothing stays behind where this is killed.
        let _ = fs::remove_file(&index);
        write(what, file, BufWriter::new(spool), &mut header, u64::MAX, progress)
    })
}

/// The bytes of the file, in memory.
pub(super) fn in_memory(
    what: &Preparation,
    mut header: Header,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<u8>, Header)> {
    // Half is left for the network, and for the copy that a growing vector makes.
    let most = memory::available() / 4;
    let mut file = Cursor::new(Vec::new());
    write(what, &mut file, Cursor::new(Vec::new()), &mut header, most, progress)?;
    Ok((file.into_inner(), header))
}

/// The bytes of a file of ids that are at hand.
pub(super) fn of_ids(pairs: &[[Vec<u32>; 2]], mut header: Header) -> Result<(Vec<u8>, Header)> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = Writer::begin(&mut file, Cursor::new(Vec::new()), &mut header)?;
    ensure!(!pairs.is_empty(), "there are no pairs");
    for (number, ids) in pairs.iter().enumerate() {
        ensure!(!ids.iter().any(Vec::is_empty), "pair {number} has a sentence without an id");
        writer.put(ids)?;
    }
    writer.header.reading.pairs = pairs.len() as u64;
    writer.finish()?;
    Ok((file.into_inner(), header))
}

/// Writes ids, index and header to `file`, of `most` bytes; `index` is empty and is used meanwhile.
fn write(
    what: &Preparation,
    file: &mut (impl Write + Seek),
    index: impl Spool,
    header: &mut Header,
    most: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<()> {
    let mut writer = Writer::begin(file, index, header)?;
    let (mut chunk, mut without_token) = (Chunk::default(), 0);
    let drops = what.text.invalid() == Invalid::Drop;
    let mut put = |chunk: &mut Chunk| -> Result<()> {
        for (line, ids) in chunk.encode(what)? {
            if ids.iter().any(Vec::is_empty) {
                ensure!(drops, "{}: line {line} has no tokens on one side", what.text);
                without_token += 1;
                continue;
            }
            writer.put(&ids)?;
        }
        ensure!(
            writer.bytes() <= most,
            "the token ids of {} do not fit into memory: make the folder {} writable",
            what.text,
            what.folder.display()
        );
        Ok(())
    };
    let mut reading = what.text.for_each(progress, |Pair { line, source, target }| {
        chunk.0.push((line, [source.to_owned(), target.to_owned()]));
        if chunk.0.len() == CHUNK { put(&mut chunk) } else { Ok(()) }
    })?;
    put(&mut chunk)?;
    reading.pairs -= without_token;
    reading.empty += without_token;
    if reading.pairs == 0 {
        bail!("{}: the tokenizer finds no token in any pair", what.text);
    }
    writer.header.reading = reading;
    writer.finish()
}

/// Sentences with the numbers of their lines.
#[derive(Default)]
struct Chunk(Vec<(u64, [String; 2])>);

impl Chunk {
    /// Takes the sentences away and gives their ids in the same order.
    fn encode(&mut self, what: &Preparation) -> Result<Vec<(u64, [Vec<u32>; 2])>> {
        let (threads, tokenizer) = (what.threads.max(1), what.tokenizer);
        let part = self.0.len().div_ceil(threads).max(1);
        let parts = threads::for_each(self.0.chunks(part), |part| {
            part.iter().map(|(line, pair)| (*line, encode(tokenizer, pair))).collect::<Vec<_>>()
        })?;
        self.0.clear();
        Ok(parts.into_iter().flatten().collect())
    }
}

fn encode(tokenizer: &Tokenizer, pair: &[String; 2]) -> [Vec<u32>; 2] {
    Side::ALL.map(|side| tokenizer.encode(side, &pair[side as usize]))
}

/// What is written and then read from its beginning.
trait Spool: Write {
    fn reader(self) -> io::Result<impl Read>;
}

impl Spool for BufWriter<File> {
    fn reader(self) -> io::Result<impl Read> {
        let mut file = self.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file))
    }
}

impl Spool for Cursor<Vec<u8>> {
    fn reader(self) -> io::Result<impl Read> {
        Ok(Cursor::new(self.into_inner()))
    }
}

/// Ids and index on their way into a file.
struct Writer<'a, F, I> {
    file: &'a mut F,
    index: I,
    header: &'a mut Header,
    /// The ids so far.
    end: u64,
    pairs: u64,
    buffer: Vec<u8>,
}

impl<'a, F: Write + Seek, I: Spool> Writer<'a, F, I> {
    fn begin(file: &'a mut F, index: I, header: &'a mut Header) -> Result<Self> {
        file.write_all(&[0; HEADER])?;
        Ok(Self { file, index, header, end: 0, pairs: 0, buffer: Vec::new() })
    }

    fn put(&mut self, ids: &[Vec<u32>; 2]) -> Result<()> {
        let Self { file, index, header, end, pairs, buffer } = self;
        *pairs += 1;
        buffer.clear();
        for (side, ids) in ids.iter().enumerate() {
            header.tokens[side] += ids.len() as u64;
            *end += ids.len() as u64;
            for id in ids {
                buffer.extend(&id.to_le_bytes()[..header.id_bytes]);
            }
        }
        header.checksum = crc32c::crc32c_append(header.checksum, buffer);
        file.write_all(buffer)?;
        index.write_all(&end.to_le_bytes())?;
        index.write_all(&u32::try_from(ids[0].len())?.to_le_bytes())?;
        Ok(())
    }

    /// The bytes so far.
    fn bytes(&self) -> u64 {
        self.end * self.header.id_bytes as u64 + self.pairs * INDEX as u64
    }

    /// Puts the index after the ids, and the header in its place.
    fn finish(self) -> Result<()> {
        let Self { file, index, header, mut buffer, .. } = self;
        let mut index = index.reader()?;
        loop {
            buffer.clear();
            if index.by_ref().take(1 << 16).read_to_end(&mut buffer)? == 0 {
                break;
            }
            header.checksum = crc32c::crc32c_append(header.checksum, &buffer);
            file.write_all(&buffer)?;
        }
        let end = file.stream_position()?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.bytes()?)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(())
    }
}

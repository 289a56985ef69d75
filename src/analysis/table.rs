//! Tables for the terminal and for other programs.

use crate::console::on_one_line;

/// Columns with names, and rows of texts.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row: a text for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table for people: numbers are right-aligned, and columns in which every row is empty are
    /// left out. Lines are cut after `width` characters.
    pub fn to_text(&self, width: usize) -> String {
        let printed = |row: &Vec<String>| row.iter().map(|cell| on_one_line(cell)).collect();
        let rows: Vec<Vec<String>> = self.rows.iter().map(printed).collect();
        let is_used = |column: &usize| rows.iter().any(|row| !row[*column].is_empty());
        let used: Vec<usize> = (0..self.columns.len()).filter(is_used).collect();
        let cells = |column: usize| rows.iter().map(move |row| &row[column]);
        let length = |text: &String| text.chars().count();
        let widths: Vec<usize> = used
            .iter()
            .map(|&column| {
                cells(column).chain([&self.columns[column]]).map(length).max().unwrap_or(0)
            })
            .collect();
        let is_number = |cell: &String| {
            cell.is_empty()
                || cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+')
        };
        let right: Vec<bool> = used.iter().map(|&column| cells(column).all(is_number)).collect();
        let line = |row: &[String]| {
            let mut line = String::new();
            for ((&column, &width), &right) in used.iter().zip(&widths).zip(&right) {
                let cell = &row[column];
                line +=
                    &if right { format!("{cell:>width$}  ") } else { format!("{cell:width$}  ") };
            }
            let mut line = line.trim_end().to_owned();
            if line.chars().count() > width {
                line = line.chars().take(width.saturating_sub(1)).chain(['…']).collect();
            }
            line + "\n"
        };
        [&self.columns].into_iter().chain(&rows).map(|row| line(row)).collect()
    }

    /// The table as CSV (RFC 4180, with line feeds).
    pub fn to_csv(&self) -> String {
        let quoted = |cell: &String| match cell.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.clone(),
        };
        let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
        [&self.columns].into_iter().chain(&self.rows).map(line).collect()
    }
}

/// A number with as many digits as a table needs: four or five that count.
pub fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => return "0".to_owned(),
        size if !(1e-3..1e7).contains(&size) => return format!("{value:.3e}"),
        size => (4 - size.log10().floor() as i64).clamp(0, 6) as usize,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need_to_be() {
        let mut table = Table::new(["run", "empty", "score", "note"]);
        table.row(["läuft", "", "1.5", "a\nb"]);
        table.row(["b", "", "-12", "x, \"y\""]);
        assert!(!table.is_empty());
        let expect = "run    score  note\nläuft    1.5  a b\nb        -12  x, \"y\"\n";
        assert_eq!(table.to_text(80), expect);
        assert_eq!(table.to_text(10), "run    sc…\nläuft    …\nb        …\n");
        let expect = "run,empty,score,note\nläuft,,1.5,\"a\nb\"\nb,,-12,\"x, \"\"y\"\"\"\n";
        assert_eq!(table.to_csv(), expect);
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        for (value, expect) in [
            (0.0, "0"),
            (118.93456, "118.93"),
            (0.8540123, "0.85401"),
            (-12.5, "-12.5"),
            (1_234_567.0, "1234567"),
            (1e-7, "1.000e-7"),
            (0.0012345678, "0.001235"),
        ] {
            assert_eq!(number(value), expect);
        }
    }
}

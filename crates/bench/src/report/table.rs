//! A Markdown table whose columns line up in plain text, too.

use std::fmt;

/// Rows under a head. The first columns are text, on the left; the others are figures, on the right.
#[derive(Clone, Debug)]
pub struct Table {
    text_columns: usize,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table; the first `text_columns` columns of `head` hold text.
    #[must_use]
    pub fn new(text_columns: usize, head: &[&str]) -> Self {
        Self { text_columns, head: head.iter().map(|&cell| cell.to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing stay empty; a `|` in a cell is escaped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut row: Vec<String> = cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
        row.resize(self.head.len(), String::new());
        self.rows.push(row);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().chain([&self.head]).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default().max(3)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.head.len()).map(|column| self.width(column)).collect();
        let line = |f: &mut fmt::Formatter<'_>, row: &[String]| {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column < self.text_columns {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")
        };
        line(f, &self.head)?;
        for (column, &width) in widths.iter().enumerate() {
            let end = if column < self.text_columns { '-' } else { ':' };
            write!(f, "|{}{end}", "-".repeat(width + 1))?;
        }
        writeln!(f, "|")?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_markdown_knows_their_side() {
        let mut table = Table::new(1, &["target", "µs"]);
        table.row(["floor".to_owned(), "4.20".to_owned()]);
        table.row(["a|b".to_owned()]);
        let expected = "\
| target |   µs |
|--------|-----:|
| floor  | 4.20 |
| a\\|b   |      |
";
        assert_eq!(table.to_string(), expected);
    }
}

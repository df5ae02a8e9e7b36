//! A small table: aligned columns, two spaces between them, columns without a value left out.

use super::Style;

/// Rows of cells below a line of headings.
pub(crate) struct Table<'s> {
    style: &'s Style,
    heads: Vec<(&'static str, bool)>,
    rows: Vec<Vec<String>>,
}

impl<'s> Table<'s> {
    /// A table with its headings; the columns of headings with a `>` in front are aligned to the right.
    pub(crate) fn new(style: &'s Style, heads: &[&'static str]) -> Table<'s> {
        let head = |head: &&'static str| head.strip_prefix('>').map_or((*head, false), |head| (head, true));
        Table { style, heads: heads.iter().map(head).collect(), rows: Vec::new() }
    }

    /// Adds a row; what is missing at its end is empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, or a word on there being nothing.
    pub(crate) fn or(self, what: &str) -> String {
        if self.rows.is_empty() { super::none(what) } else { self.print() }
    }

    pub(crate) fn print(&self) -> String {
        let cell = |row: &Vec<String>, i: usize| row.get(i).cloned().unwrap_or_default();
        let columns: Vec<(usize, usize)> = (0..self.heads.len())
            .filter_map(|i| {
                let widest = self.rows.iter().map(|row| width(&cell(row, i))).max().unwrap_or(0);
                (widest > 0).then(|| (i, widest.max(width(self.heads[i].0))))
            })
            .collect();
        let mut out = String::new();
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| self.style.faint(head)).collect();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (i, wide) in &columns {
                let text = cell(row, *i);
                let pad = " ".repeat(wide.saturating_sub(width(&text)));
                line.push_str(&if self.heads[*i].1 {
                    format!("{pad}{text}  ")
                } else {
                    format!("{text}{pad}  ")
                });
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// How many places a text takes: colours take none, East Asian characters and emoji two.
fn width(text: &str) -> usize {
    let (mut width, mut escape) = (0, false);
    for c in text.chars() {
        match c {
            '\x1b' => escape = true,
            'm' if escape => escape = false,
            _ if escape => {}
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{fe00}'..='\u{fe0f}' => {}
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}' => width += 2,
            _ => width += 1,
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let style = Style { colour: false, terminal: false };
        let mut table = Table::new(&style, &["name", ">n", "tag"]);
        table.row(["a".to_owned(), "10".to_owned()]);
        table.row(["日本".to_owned(), "9".to_owned(), String::new()]);
        assert_eq!(table.print(), "name   n\na     10\n日本   9\n");
    }
}

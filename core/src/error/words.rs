//! Parts of the messages.

/// What was given, but no more than one reads: it may be a whole file.
pub(super) fn shown(given: &str) -> std::borrow::Cow<'_, str> {
    const MOST: usize = 300;
    match given.char_indices().nth(MOST) {
        None => given.into(),
        Some((end, _)) => format!("{}... ({} bytes)", &given[..end], given.len()).into(),
    }
}

pub(super) fn missing_text(names: &[String], unused: &[String]) -> String {
    let mut text = format!("the template needs values that were not given missing=`{}`", names.join(", "));
    if !unused.is_empty() {
        text.push_str(&format!(" given_but_not_in_the_template=`{}`", unused.join(", ")));
    }
    text
}

//! Debian's order of versions as a text: versions compare as the texts that are made of them here.
//!
//! A version is `epoch:upstream-revision`, and its parts are compared piece by piece: letters and signs, then a number, and so on.
//! `~` comes before the end of a part, the end before letters, and letters before other signs.

use std::fmt::Write;

/// A text that stands where the version stands among others.
pub fn key(version: &str) -> String {
    let version = version.trim();
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    let mut out = String::new();
    number(epoch, &mut out);
    part(upstream, &mut out);
    part(revision, &mut out);
    out
}

/// Pieces of a part in turn, and an end that every part has.
fn part(mut text: &str, out: &mut String) {
    loop {
        let end = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        for c in text[..end].chars() {
            match c {
                '~' => out.push('0'),
                c if c.is_ascii_alphabetic() => out.extend(['2', c]),
                c => out.extend(['3', c]),
            }
        }
        out.push('1');
        text = &text[end..];
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        number(&text[..end], out);
        text = &text[end..];
        if text.is_empty() {
            // Without it `1.0` would be the beginning of `1.0~`, and come before it.
            return out.push_str("100");
        }
    }
}

/// A number so that a longer one comes behind a shorter one.
fn number(digits: &str, out: &mut String) {
    let digits = digits.trim_start_matches('0');
    // More than 99 digits are no version of anything.
    let _ = write!(out, "{:02}{digits}", digits.len().min(99));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_order_of_debian() {
        let ascending = [
            "0~~",
            "0~",
            "0",
            "0a",
            "0+",
            "1.0~rc1",
            "1.0",
            "1.0-0.1",
            "1.0-1~bpo1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-10",
            "1.0a",
            "1.0+dfsg",
            "1.0.1",
            "1.2",
            "1.10",
            "2",
            "10",
            "1:0.1",
            "2:0~1",
        ];
        for pair in ascending.windows(2) {
            assert!(
                key(pair[0]) < key(pair[1]),
                "{pair:?}: {} {}",
                key(pair[0]),
                key(pair[1])
            );
        }
        for same in [["1.0", "0:1.0"], ["1.0", "1.00"], ["1.0-0", "1.0"], ["01", "1"]] {
            assert_eq!(key(same[0]), key(same[1]), "{same:?}");
        }
    }

    /// dpkg itself knows best, where it is there.
    #[test]
    fn as_dpkg_says() {
        let versions = [
            "1", "1~", "1a", "1.", "1.0", "1-1", "1-1~", "a", "", "1:0", "1+", "1.~", "1.2-3-4", "9", "10",
        ];
        for a in versions {
            for b in versions {
                let asked = std::process::Command::new("dpkg")
                    .args(["--compare-versions", a, "lt", b])
                    .output();
                let Ok(said) = asked else { return };
                // An empty version is none to dpkg, and warnings are for others.
                if a.is_empty() || b.is_empty() {
                    continue;
                }
                assert_eq!(
                    said.status.success(),
                    key(a) < key(b),
                    "{a} < {b}: {} {}",
                    key(a),
                    key(b)
                );
            }
        }
    }
}

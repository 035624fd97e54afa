//! The accent of a site, changed as far as it must be to be readable on the pages that speak for it.

/// Contrast that words must have to what they stand on (WCAG 2.2, 1.4.3).
const READABLE: f64 = 4.5;

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Color([u8; 3]);

const WHITE: Color = Color([0xff; 3]);
const BLACK: Color = Color([0; 3]);
/// What accents stand on, as in `style.css`: `--soft` is what is furthest from white in the light
/// scheme, and from black in the dark one.
const LIGHT_GROUND: Color = Color([0xf4, 0xf6, 0xf9]);
const DARK_GROUND: Color = Color([0x1c, 0x24, 0x2e]);
/// What stands on them in the dark scheme.
const DARK_TEXT: Color = Color([0x07, 0x13, 0x1f]);

impl Color {
    /// `#rrggbb`.
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast ratio (WCAG 2.2), from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// So many hundredths of the way to another one.
    fn towards(self, other: Self, hundredths: u16) -> Self {
        let mut mixed = self.0;
        for (part, goal) in mixed.iter_mut().zip(other.0) {
            let sum = u16::from(*part) * (100 - hundredths) + u16::from(goal) * hundredths;
            *part = u8::try_from(sum / 100).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    /// As little of `goal` mixed in as makes it readable against each of these.
    fn readable(self, against: [Self; 2], goal: Self) -> Self {
        let mixed = (0..=100).map(|hundredths| self.towards(goal, hundredths));
        let reads = |color: &Self| against.iter().all(|one| color.contrast(*one) >= READABLE);
        mixed.into_iter().find(reads).unwrap_or(goal)
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// What a style sheet says of the accent `color` (`#rrggbb`), in both schemes. `None`: it is no colour.
#[must_use]
pub fn style(color: &str) -> Option<String> {
    Color::read(color).map(css)
}

fn css(color: Color) -> String {
    let light = color.readable([WHITE, LIGHT_GROUND], BLACK);
    let dark = color.readable([DARK_TEXT, DARK_GROUND], WHITE);
    format!(
        ":root {{ --accent: {light}; --accent-strong: {}; --lamp: {light}; }}\n\
         @media (prefers-color-scheme: dark) {{\n  \
         :root {{ --accent: {dark}; --accent-strong: {}; --lamp: {dark}; }}\n}}\n",
        light.towards(BLACK, 20),
        dark.towards(WHITE, 30),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrast_is_what_the_standard_says() {
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 1e-9);
        let grey = Color::read("#767676").unwrap();
        assert!((grey.contrast(WHITE) - 4.54).abs() < 0.01);
    }

    #[test]
    fn a_readable_colour_stays_as_it_is() {
        let color = Color::read("#0b57a4").unwrap();
        assert_eq!(color.readable([WHITE, LIGHT_GROUND], BLACK), color);
        assert!(css(color).starts_with(":root { --accent: #0b57a4;"));
    }

    #[test]
    fn what_is_no_colour_is_not_written_into_a_stylesheet() {
        for text in ["", "red", "#fff", "#12345g", "#1234567", "}body{}", "#é1234"] {
            assert_eq!(Color::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_accent_is_readable_in_both_schemes(parts in any::<[u8; 3]>()) {
            let color = Color(parts);
            let light = color.readable([WHITE, LIGHT_GROUND], BLACK);
            prop_assert!(light.contrast(WHITE) >= READABLE);
            prop_assert!(light.contrast(LIGHT_GROUND) >= READABLE);
            prop_assert!(light.towards(BLACK, 20).contrast(WHITE) >= READABLE);
            let dark = color.readable([DARK_TEXT, DARK_GROUND], WHITE);
            prop_assert!(dark.contrast(DARK_TEXT) >= READABLE);
            prop_assert!(dark.contrast(DARK_GROUND) >= READABLE);
            prop_assert!(dark.towards(WHITE, 30).contrast(DARK_TEXT) >= READABLE);
        }
    }
}

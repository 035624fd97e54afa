//! How a page looks and in which language it speaks.

use http::HeaderMap;
use jwks::site::Site;

use crate::texts::Texts;

/// What every page has: its language, and whose it looks like.
#[derive(Clone, Debug)]
pub struct Look {
    texts: Texts,
    /// The site it speaks for; `None`: Signalbox itself.
    pub brand: Option<Brand>,
}

/// How a site wants to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// Its name for programs: names its stylesheet.
    pub site_key: String,
    /// Its name for people.
    pub name: String,
    /// Whether it has a colour of its own.
    pub is_coloured: bool,
    /// Whom to ask for help; "" where nobody is named.
    pub support: String,
}

impl Look {
    /// In the first language of `ui_locales` that there is, else the one the browser likes best.
    #[must_use]
    pub fn of(headers: &HeaderMap, ui_locales: &[String]) -> Self {
        Self { texts: Texts::choose(ui_locales, headers), brand: None }
    }

    /// That of a site.
    #[must_use]
    pub fn branded(self, site: &Site) -> Self {
        let name = if site.name.is_empty() { &site.site_key } else { &site.name };
        let brand = Brand {
            site_key: site.site_key.clone(),
            name: name.clone(),
            is_coloured: site.branding.color.is_some(),
            support: site.branding.support.clone().unwrap_or_default(),
        };
        Self { brand: Some(brand), ..self }
    }

    /// Who the page speaks for, in its title and its head.
    #[must_use]
    pub fn name(&self) -> &str {
        self.brand.as_ref().map_or("Signalbox", |brand| brand.name.as_str())
    }
}

impl std::ops::Deref for Look {
    type Target = Texts;

    fn deref(&self) -> &Texts {
        &self.texts
    }
}

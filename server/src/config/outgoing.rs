use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// `[outgoing]`: what the server fetches from, or posts to, addresses that a client registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutgoingSection {
    /// PEM files with certificate authorities that count besides the system's; one alone may stand
    /// there without the brackets.
    #[serde(deserialize_with = "one_or_many::deserialize")]
    pub extra_ca: Vec<PathBuf>,
    /// Networks that may be called though they are not public, and by plain http too, such as
    /// `10.1.2.0/24`; a single address is a network. One alone may stand there without the brackets.
    #[serde(deserialize_with = "one_or_many::networks")]
    pub allow_private: Vec<IpNet>,
}

/// A list, or what would be its only item.
pub(super) mod one_or_many {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use serde::{Deserialize, Deserializer, de};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        One(T),
        Many(Vec<T>),
    }

    pub fn deserialize<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        Ok(match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        })
    }

    pub fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
        let network = |text: &str| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
                de::Error::custom(format!("`{text}` is not a network such as 10.1.2.0/24"))
            })
        };
        let texts = deserialize::<_, String>(deserializer)?;
        let parts = texts.iter().flat_map(|text| text.split(','));
        parts.map(|part| network(part.trim())).collect()
    }
}

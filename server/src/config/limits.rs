use serde::{Deserialize, Serialize};

/// `[limits]`: how often anybody may try within 15 minutes, where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSection {
    /// Wrong passwords for one account, over all surfaces; at most 10.
    pub password_per_account: u32,
    /// Wrong passwords from one network (IPv4 /24, IPv6 /56).
    pub password_per_network: u32,
    /// Wrong codes at one factor; at most 10.
    pub code_per_factor: u32,
    /// Guesses in a row that lock a factor; at most 100.
    pub code_lock: u32,
    /// Registrations from one network, refused ones included.
    pub register_per_network: u32,
    /// Mails to one address.
    pub mail_per_address: u32,
    /// Codes sent to one person.
    pub codes_sent_per_person: u32,
    /// Codes sent for callers from one network.
    pub codes_sent_per_network: u32,
    /// Codes sent to one telephone number, whoever asks; to one that who asks has proved they are
    /// counted apart.
    pub codes_sent_per_number: u32,
    /// Within a day: codes sent to one mail address or telephone number that who asks has not proved.
    pub codes_sent_unproved_daily: u32,
    /// Within a day: messages to telephones for one person, and to one number that was proved.
    pub sms_daily_per_person: u32,
    /// Within a day: messages to telephones from this installation; half of them are kept for
    /// numbers that were proved. At most 100000.
    pub sms_daily: u32,
    /// Within a minute: authorization requests from one network, pushed by public clients or on
    /// their way through the pages; answered ones of the pages are given back.
    pub requests_per_network: u32,
    /// Within a minute: authorization requests that one confidential client pushes from one network.
    pub requests_per_client: u32,
    /// Within a minute: tokens of one client that are revoked from one network.
    pub revocations_per_client: u32,
    /// Personal API keys that one person has at a time.
    pub api_keys_per_person: u32,
    /// Personal API keys that edges hold in memory. They ask for others when those are shown, once a
    /// minute each.
    pub keys_at_edges: u32,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            password_per_account: 10,
            password_per_network: 100,
            code_per_factor: 10,
            code_lock: 100,
            register_per_network: 50,
            mail_per_address: 5,
            codes_sent_per_person: 10,
            codes_sent_per_network: 100,
            codes_sent_per_number: 5,
            codes_sent_unproved_daily: 10,
            sms_daily_per_person: 20,
            sms_daily: 1000,
            requests_per_network: 1200,
            requests_per_client: 3000,
            revocations_per_client: 1200,
            api_keys_per_person: 20,
            keys_at_edges: 100_000,
        }
    }
}

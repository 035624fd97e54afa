//! Certificates for one machine: an authority of its own, and what it issues for the hosts of
//! sites. For trying things out and for internal names that no public authority vouches for.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};
use jwks::Time;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// How long the authority is good, years.
const AUTHORITY_YEARS: i32 = 10;
/// How long a certificate is good, days: browsers take none that is good for much longer.
const DAYS: i32 = 397;

const NAME: &str = "Signalbox local authority";

/// What lies in the folder now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The authority's certificate, which browsers are told to trust.
    pub authority: PathBuf,
    /// Whether the authority was made just now.
    pub is_new: bool,
    /// The certificate for the hosts, and the authority's.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum LocalAuthorityError {
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A host has no place in a certificate, or the authority's key is none.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// Today is no day of the calendar that certificates have.
    #[error("the clock of this machine is wrong: {0}")]
    Clock(#[from] jiff::Error),
}

/// Issues a certificate for `hosts` (names, `*.` before them where all below is meant, and
/// addresses) in `dir`, by the authority that is there or is made there at the first time.
///
/// # Errors
/// [`LocalAuthorityError`].
pub fn issue(dir: &Path, hosts: &[String], now: Time) -> Result<Made, LocalAuthorityError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| LocalAuthorityError::File { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(file(dir))?;
    let today = Timestamp::from_millisecond(now.millis())?.to_zoned(TimeZone::UTC);
    let [authority, authority_key, certificate, key] =
        ["authority.crt", "authority.key", "local.crt", "local.key"].map(|name| dir.join(name));

    let (own_key, is_new) = match fs::read_to_string(&authority_key) {
        Ok(pem) => (KeyPair::from_pem(&pem)?, false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = KeyPair::generate()?;
            write(&authority_key, &made.serialize_pem(), 0o600).map_err(file(&authority_key))?;
            (made, true)
        }
        Err(error) => return Err(file(&authority_key)(error)),
    };
    let params = authority_params(&today)?;
    // What is trusted already must stay the same: a later one has the same name and key.
    if is_new || !authority.exists() {
        let own = params.self_signed(&own_key)?;
        write(&authority, &own.pem(), 0o644).map_err(file(&authority))?;
    }
    let issuer = Issuer::new(params, own_key);

    let site_key = KeyPair::generate()?;
    let issued = site_params(hosts, &today)?.signed_by(&site_key, &issuer)?;
    let chain = issued.pem() + &fs::read_to_string(&authority).map_err(file(&authority))?;
    write(&key, &site_key.serialize_pem(), 0o600).map_err(file(&key))?;
    write(&certificate, &chain, 0o644).map_err(file(&certificate))?;
    Ok(Made { authority, is_new, certificate, key })
}

fn authority_params(today: &Zoned) -> Result<CertificateParams, LocalAuthorityError> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let end = today.checked_add(AUTHORITY_YEARS.years())?;
    limit(&mut params, today, &end)?;
    Ok(params)
}

fn site_params(hosts: &[String], today: &Zoned) -> Result<CertificateParams, LocalAuthorityError> {
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name = DistinguishedName::new();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let end = today.checked_add(DAYS.days())?;
    limit(&mut params, today, &end)?;
    Ok(params)
}

/// Has `params` hold from the day before `today`, for clocks that are slow, until `end`.
fn limit(
    params: &mut CertificateParams,
    today: &Zoned,
    end: &Zoned,
) -> Result<(), LocalAuthorityError> {
    let day = |date: Date| {
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(today.checked_sub(1.day())?.date());
    params.not_after = day(end.date());
    Ok(())
}

/// Writes a file as a whole, so that who reads it at any moment has the old one or the new.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let aside = path.with_extension("new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rustls::{
        RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    };

    use super::*;
    use crate::tls;

    /// Whether what lies there is believed by somebody who trusts the authority.
    fn is_believed(made: &Made, host: &str, at: Time) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&made.authority).unwrap()).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), provider.into()).build();
        let chain: Vec<CertificateDer<'_>> = CertificateDer::pem_file_iter(&made.certificate)
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let at = std::time::Duration::from_secs(at.secs().unsigned_abs());
        verifier
            .unwrap()
            .verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::since_unix_epoch(at))
            .is_ok()
    }

    #[test]
    fn what_is_issued_is_believed_for_its_hosts_and_renewed_by_the_same_authority() {
        let dir = std::env::temp_dir().join(format!("authority-{}", uuid::Uuid::new_v4()));
        let now = Time::from_secs(1_790_000_000);
        let hosts = ["app.localhost", "*.wild.test", "127.0.0.1"].map(String::from);
        let first = issue(&dir, &hosts, now).unwrap();
        assert!(first.is_new);
        tls::load(&first.certificate, &first.key).map_err(|problem| problem.what).unwrap();
        for host in ["app.localhost", "x.wild.test", "127.0.0.1"] {
            assert!(is_believed(&first, host, now), "{host}");
        }
        assert!(!is_believed(&first, "other.test", now));
        let later = |days: u64| now.plus(std::time::Duration::from_secs(days * 24 * 3600));
        assert!(is_believed(&first, "app.localhost", later(396)));
        assert!(!is_believed(&first, "app.localhost", later(399)));

        let trusted = fs::read(&first.authority).unwrap();
        let second = issue(&dir, &["other.test".to_owned()], later(400)).unwrap();
        assert!(!second.is_new);
        assert_eq!(fs::read(&second.authority).unwrap(), trusted);
        assert!(is_believed(&second, "other.test", later(400)));
        assert!(!is_believed(&second, "app.localhost", later(400)));

        for key in [dir.join("authority.key"), second.key] {
            assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let dir = std::env::temp_dir().join(format!("authority-{}", uuid::Uuid::new_v4()));
        let now = Time::from_secs(1_790_000_000);
        issue(&dir, &["k\u{f6}ln.test".to_owned()], now).unwrap_err();
        fs::write(dir.join("authority.key"), "no key").unwrap();
        issue(&dir, &["a.test".to_owned()], now).unwrap_err();
        fs::remove_dir_all(&dir).unwrap();
    }
}

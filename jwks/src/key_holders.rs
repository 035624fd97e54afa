//! The API keys that a view knows, by their ids. Cheap to clone.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use crate::{
    api_key::{HeldKey, KeyHolder, KeyRecord, dead_until},
    cutoff::{CutOff, CutOffKind},
};

/// Many people with their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyHolders {
    people: Arc<HashMap<Uuid, Arc<KeyHolder>>>,
    keys: Arc<HashMap<Uuid, HeldKey>>,
}

impl KeyHolders {
    /// Takes in the new state of a person, instead of what was known of them.
    pub(crate) fn put(&mut self, mut holder: KeyHolder) {
        if let Some(before) = self.people.get(&holder.user_id).cloned() {
            let keys = Arc::make_mut(&mut self.keys);
            for key in &before.keys {
                keys.remove(&key.id);
            }
            Arc::make_mut(&mut self.people).remove(&holder.user_id);
        }
        if holder.keys.is_empty() {
            return;
        }
        // Lists that were read have room for more, and there may be 100,000 of them.
        holder.keys.shrink_to_fit();
        for key in &mut holder.keys {
            key.scopes.shrink_to_fit();
            key.sites.shrink_to_fit();
        }
        let holder = Arc::new(holder);
        let keys = Arc::make_mut(&mut self.keys);
        for (place, key) in holder.keys.iter().enumerate() {
            keys.extend(HeldKey::new(holder.clone(), place).map(|held| (key.id, held)));
        }
        Arc::make_mut(&mut self.people).insert(holder.user_id, holder);
    }

    /// Forgets the keys that `cut` ends. They outlive the memory of it.
    pub(crate) fn end(&mut self, cut: &CutOff) {
        let Ok(id) = Uuid::parse_str(&cut.id) else { return };
        match cut.kind {
            CutOffKind::User => {
                if let Some(holder) = self.people.get(&id).cloned() {
                    self.retain(&holder, |key| key.created_at > dead_until(cut.at));
                }
            }
            CutOffKind::ApiKey => {
                if let Some(held) = self.keys.get(&id).cloned() {
                    self.retain(held.holder(), |key| key.id != id || key.created_at > cut.at);
                }
            }
            _ => {}
        }
    }

    fn retain(&mut self, holder: &KeyHolder, keep: impl FnMut(&KeyRecord) -> bool) {
        let mut left = holder.clone();
        left.keys.retain(keep);
        if left.keys.len() < holder.keys.len() {
            self.put(left);
        }
    }

    /// The key of this id.
    pub(crate) fn find(&self, id: Uuid) -> Option<&HeldKey> {
        self.keys.get(&id)
    }

    /// All of them, by person.
    pub(crate) fn sorted(&self) -> Vec<&KeyHolder> {
        let mut people: Vec<&KeyHolder> = self.people.values().map(|holder| &**holder).collect();
        people.sort_by_key(|holder| holder.user_id);
        people
    }
}

impl FromIterator<KeyHolder> for KeyHolders {
    fn from_iter<I: IntoIterator<Item = KeyHolder>>(holders: I) -> Self {
        let mut all = Self::default();
        for holder in holders {
            all.put(holder);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Time, api_key::Digest};

    fn key(id: u128, created_at: i64) -> KeyRecord {
        KeyRecord {
            id: Uuid::from_u128(id),
            digest: Digest::of(&id.to_string()),
            scopes: vec!["read".into()],
            sites: vec!["wiki".into()],
            networks: Box::default(),
            created_at: Time::from_millis(created_at),
            expires_at: Time::from_secs(1_900_000_000),
        }
    }

    fn holder(id: u128, keys: Vec<KeyRecord>) -> KeyHolder {
        KeyHolder {
            user_id: Uuid::from_u128(id),
            email: "ada@example.test".into(),
            name: "Ada".into(),
            roles: vec![],
            tenant_id: "default".into(),
            active: true,
            keys,
        }
    }

    fn ids(holders: &KeyHolders) -> Vec<u128> {
        let mut ids: Vec<u128> = holders.keys.keys().map(|id| id.as_u128()).collect();
        ids.sort_unstable();
        ids
    }

    fn cut(kind: CutOffKind, id: u128, at: i64) -> CutOff {
        let at = Time::from_millis(at);
        CutOff { kind, id: Uuid::from_u128(id).to_string(), at, until: at }
    }

    #[test]
    fn the_new_state_of_a_person_replaces_the_old_one() {
        let mut all: KeyHolders =
            [holder(1, vec![key(11, 0), key(12, 0)]), holder(2, vec![key(21, 0)])]
                .into_iter()
                .collect();
        let before = all.clone();
        let renamed =
            KeyHolder { name: "Ada L.".into(), ..holder(1, vec![key(12, 0), key(13, 0)]) };
        all.put(renamed.clone());
        assert_eq!(ids(&all), [12, 13, 21]);
        assert_eq!(**all.find(Uuid::from_u128(13)).unwrap().holder(), renamed);
        assert_eq!(all.find(Uuid::from_u128(13)).unwrap().record(), &key(13, 0));
        all.put(holder(2, vec![]));
        assert_eq!(ids(&all), [12, 13]);
        assert_eq!(all.sorted(), [&renamed]);
        assert_eq!(ids(&before), [11, 12, 21]);
    }

    #[test]
    fn an_ending_takes_the_keys_it_is_about_and_no_other() {
        let all: KeyHolders =
            [holder(1, vec![key(11, 2000), key(12, 2001)]), holder(2, vec![key(21, 0)])]
                .into_iter()
                .collect();
        let after = |cut: &CutOff| {
            let mut all = all.clone();
            all.end(cut);
            ids(&all)
        };
        assert_eq!(after(&cut(CutOffKind::User, 1, 1000)), [12, 21]);
        assert_eq!(after(&cut(CutOffKind::User, 1, 1001)), [21]);
        assert_eq!(after(&cut(CutOffKind::User, 1, 999)), [11, 12, 21]);
        assert_eq!(after(&cut(CutOffKind::ApiKey, 12, 9000)), [11, 21]);
        assert_eq!(after(&cut(CutOffKind::Session, 12, 9000)), [11, 12, 21]);
        assert_eq!(after(&cut(CutOffKind::ApiKey, 99, 9000)), [11, 12, 21]);
    }
}

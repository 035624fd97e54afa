//! The pages as people see them, in a real Chromium. No page may complain: about its scripts, or about
//! what its policy refuses.

mod account;
mod branches;
mod flows;
mod links;
mod onward;
mod passkeys;
mod session_state;
mod sms;

use tests::chromium::Tab;

/// Looks at the page in both schemes, on a laptop and on the smallest telephone.
async fn look_at(tab: &mut Tab) {
    for (width, height) in [(1280, 900), (320, 568)] {
        tab.size(width, height).await;
        for scheme in ["light", "dark"] {
            tab.scheme(scheme).await;
            tab.is_accessible().await;
        }
    }
}

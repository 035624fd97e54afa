//! What the pages show: one view and one template for each page. Handlers fill them in and send
//! them with [`answer::page`](super::answer::page); no rules live here.

pub mod account;
mod choose_account;
mod confirm_password;
mod consent;
mod device;
mod enrol;
mod error;
mod flow_over;
mod forgot_password;
mod form;
mod form_post;
mod link_pages;
mod look;
mod policy;
mod problem;
mod second_factor;
mod sign_in;
mod sign_out;
mod when;

use askama::Template;

pub use self::{
    choose_account::{Account, ChooseAccount},
    confirm_password::ConfirmPassword,
    consent::Consent,
    device::{DeviceCode, DeviceConfirm, DeviceDone},
    enrol::{Enrol, EnrolDone, EnrolPasskey, EnrolPhone, EnrolSent},
    error::ErrorPage,
    flow_over::FlowOver,
    forgot_password::{ForgotPassword, ForgotPasswordSent},
    form::{ClientCard, Form, Person},
    form_post::FormPost,
    link_pages::{
        Invited, Message, NotMe, Recovery, RecoveryWaits, ResetPassword, Setup, SetupDone,
        VerifyEmail,
    },
    look::{Brand, Look},
    policy::Policy,
    problem::Problem,
    second_factor::{Reason, SecondFactor},
    sign_in::SignIn,
    sign_out::{SignOut, SignedOut},
    when::When,
};

/// A page: what it shows, and what its browser may do for it.
pub trait View: Template {
    /// What the page may load, and where its forms may lead.
    fn policy(&self) -> Policy {
        Policy::default()
    }
}

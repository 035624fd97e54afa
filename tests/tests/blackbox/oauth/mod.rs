//! The authorization server (OAuth 2.x, OpenID Connect), as its clients and browsers see it.

mod backchannel;
mod device_grant;
mod logout;

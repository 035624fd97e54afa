//! The flows of RFC 6749 in the order that oxide-auth keeps them: its machines say what is asked
//! next, we ask our own stores and feed the answer back. What these files decide is what the machine
//! leaves open, and no file beside them names the library.

pub mod authorization;

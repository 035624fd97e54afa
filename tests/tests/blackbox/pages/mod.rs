//! The pages as people see them, in a real Chromium. Each test that ends well has also seen no page
//! complain: about its scripts, or about what its policy refuses.

mod links;

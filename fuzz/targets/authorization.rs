//! Whatever a client puts into its `Authorization` header is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use testward_wire::credentials::{Credential, Scratch, read_authorization};
use testward_wire::keytext::KeyText;

fuzz_target!(|value: &[u8]| {
    if let Ok(Credential::Key(text)) = read_authorization(value, &mut Scratch::default())
        && let Ok(key) = KeyText::parse(text)
    {
        assert_eq!(key.expose(), text);
    }
});

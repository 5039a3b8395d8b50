//! Tokens that must open nothing, each with the attack it stands for.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{EXCHANGE, GRANT, Trusting, exchange};
use crate::support::{Issuer, NOW, Signer, TestApp, encode};

#[tokio::test]
async fn a_token_for_somebody_else_or_another_time_is_refused() {
    let ci = Trusting::start(Signer::rs256()).await;
    let now = NOW.0 / 1000;
    let cases = [
        (json!({"aud": "https://other.example"}), "wrong_audience"),
        (json!({"aud": null}), "wrong_audience"),
        (json!({"exp": now - 31}), "token_expired"),
        (json!({"exp": null}), "malformed_token"),
        (json!({"exp": "2099-01-01"}), "malformed_token"),
        (json!({"nbf": now + 300}), "token_not_yet_valid"),
        (json!({"iat": now + 300}), "token_not_yet_valid"),
        (json!({"iss": "https://elsewhere.example"}), "unknown_issuer"),
        (json!({"iss": null}), "malformed_token"),
    ];
    for (changes, code) in cases {
        ci.exchange(&ci.issuer.token(changes)).await.refused(400, code);
    }
    assert_eq!(ci.exchanges().await, json!([]), "nothing was granted");
}

#[tokio::test]
async fn a_token_works_once() {
    let ci = Trusting::start(Signer::rs256()).await;
    let token = ci.issuer.token(json!({"jti": "a"}));
    ci.exchange(&token).await.ok();
    ci.exchange(&token).await.refused(403, "token_replayed");
    let same_id = ci.issuer.token(json!({"jti": "a", "ref": "refs/heads/other"}));
    ci.exchange(&same_id).await.refused(403, "token_replayed");
    ci.exchange(&ci.issuer.token(json!({"jti": "b"}))).await.ok();
    ci.app.pass(Duration::from_mins(4)).await;
    ci.exchange(&token).await.refused(403, "token_replayed");
    assert_eq!(ci.exchanges().await[0]["outcome"], "token_replayed");
}

/// ECDSA: whoever sees one signature (r, s) can write another, (r, n − s), that is valid too.
fn twin(token: &str) -> String {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let (message, signature) = token.rsplit_once('.').expect("a token");
    let mut signature = BASE64.decode(signature).expect("base64");
    let mut borrow = 0;
    for i in (0..32).rev() {
        let order = i16::from(u8::from_str_radix(&ORDER[2 * i..2 * i + 2], 16).expect("hexadecimal"));
        let difference = order - i16::from(signature[32 + i]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + i] = difference.rem_euclid(256) as u8;
    }
    format!("{message}.{}", BASE64.encode(signature))
}

#[tokio::test]
async fn a_token_without_an_id_works_once_whatever_is_done_to_its_signature() {
    let ci = Trusting::start(Signer::es256()).await;
    let token = ci.issuer.token(json!({}));
    let twin = twin(&token);
    let tested = ci.app.anna().await.post(&format!("{}/test", ci.path), json!({"token": twin})).await.ok().json();
    assert_eq!(tested["granted_by"], "Shop", "the twin is as genuine as the token");
    ci.exchange(&token).await.ok();
    ci.exchange(&token).await.refused(403, "token_replayed");
    ci.exchange(&twin).await.refused(403, "token_replayed");
}

#[tokio::test]
async fn ten_exchanges_of_one_token_at_once_make_one_key() {
    let ci = Trusting::start(Signer::es256()).await;
    let token = ci.issuer.token(json!({"jti": "race"}));
    let answers = futures_util::future::join_all((0..10).map(|_| ci.exchange(&token))).await;
    assert_eq!(answers.iter().filter(|it| it.status == 200).count(), 1);
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let ci = Trusting::start(Signer::rs256()).await;
    let claims = ci.issuer.claims(json!({}));
    let jwk = ci.issuer.signer.jwk("k1");
    for secret in [jwk.to_string(), jwk["n"].as_str().expect("text").to_owned()] {
        let message = format!("{}.{}", encode(&json!({"alg": "HS256", "kid": "k1"})), encode(&claims));
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length").chain_update(&message);
        let token = format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()));
        ci.exchange(&token).await.refused(400, "algorithm_not_allowed");
    }
}

#[tokio::test]
async fn a_shared_secret_among_the_keys_signs_nothing() {
    let ci = Trusting::start(Signer::es256()).await;
    let shared = json!({"kty": "oct", "kid": "k2", "k": BASE64.encode("secret"), "alg": "HS256"});
    ci.issuer.serve(&[ci.issuer.signer.jwk("k1"), shared]);
    let message = format!("{}.{}", encode(&json!({"alg": "HS256", "kid": "k2"})), encode(&ci.issuer.claims(json!({}))));
    let mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("any length").chain_update(&message);
    let token = format!("{message}.{}", BASE64.encode(mac.finalize().into_bytes()));
    ci.exchange(&token).await.refused(400, "algorithm_not_allowed");
}

#[tokio::test]
async fn a_header_that_asks_for_less_is_refused() {
    let ci = Trusting::start(Signer::rs256()).await;
    let claims = ci.issuer.claims(json!({}));
    for (header, code) in [
        (json!({"alg": "none"}), "algorithm_not_allowed"),
        (json!({"alg": "None", "kid": "k1"}), "algorithm_not_allowed"),
        (json!({"alg": "RS512", "kid": "k1"}), "algorithm_not_allowed"),
        (json!({"alg": "RS256", "kid": "k1", "crit": ["b64"], "b64": false}), "malformed_token"),
        // The key is RSA: with another algorithm there is no such key.
        (json!({"alg": "ES256", "kid": "k1"}), "unknown_signing_key"),
        (json!({"alg": "RS256", "kid": "../../etc/passwd"}), "unknown_signing_key"),
    ] {
        ci.exchange(&ci.issuer.signer.token_with(&header, &claims)).await.refused(400, code);
    }
    let unsigned = format!("{}.{}.", encode(&json!({"alg": "none"})), encode(&claims));
    ci.exchange(&unsigned).await.refused(400, "algorithm_not_allowed");
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let ci = Trusting::start(Signer::es256()).await;
    let thief = Signer::es256();
    let claims = ci.issuer.claims(json!({}));
    for header in [
        json!({"alg": "ES256", "kid": "k1", "jwk": thief.jwk("k1")}),
        json!({"alg": "ES256", "kid": "k1", "jku": "https://thief.example/keys"}),
        json!({"alg": "ES256"}),
    ] {
        ci.exchange(&thief.token_with(&header, &claims)).await.refused(400, "wrong_signature");
    }
}

#[tokio::test]
async fn one_issuer_does_not_sign_for_another() {
    let ci = Trusting::start(Signer::es256()).await;
    let other = Issuer::start(Signer::es256()).await;
    super::trust(&ci.app.anna().await, &other).await;
    let token = other.signer.token("k1", &ci.issuer.claims(json!({})));
    ci.exchange(&token).await.refused(400, "wrong_signature");
    // Its own tokens are genuine, but no rule is for them.
    ci.exchange(&other.token(json!({}))).await.refused(403, "no_matching_rule");
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let ci = Trusting::start(Signer::rs256()).await;
    let token = ci.issuer.token(json!({"repository_id": "999"}));
    let (header, rest) = token.split_once('.').expect("a token");
    let (_, signature) = rest.split_once('.').expect("a token");
    let forged = format!("{header}.{}.{signature}", encode(&ci.issuer.claims(json!({}))));
    ci.exchange(&forged).await.refused(400, "wrong_signature");
    for text in ["x", "a.b", "a.b.c", "..", &token[..token.len() - 4], &format!("{token}.x")] {
        let code = ci.exchange(text).await.json()["code"].as_str().expect("a code").to_owned();
        assert!(
            ["malformed_token", "wrong_signature", "algorithm_not_allowed"].contains(&code.as_str()),
            "{text}: {code}"
        );
    }
}

#[tokio::test]
async fn a_huge_token_is_refused_unread() {
    let ci = Trusting::start(Signer::rs256()).await;
    let token = ci.issuer.token(json!({"groups": "x".repeat(20_000)}));
    ci.exchange(&token).await.refused(400, "malformed_token");
    let enormous = "x".repeat(3 << 20);
    exchange(&ci.app, &enormous).await.refused(413, "too_large");
    assert_eq!(ci.issuer.key_requests(), 0);
}

#[tokio::test]
async fn a_new_key_is_fetched_but_the_issuer_is_asked_once_a_minute_at_most() {
    let ci = Trusting::start(Signer::es256()).await;
    ci.exchange(&ci.issuer.token(json!({}))).await.ok();
    let next = Signer::es256();
    ci.issuer.serve(&[next.jwk("k2")]);
    let token = |jti: &str| next.token("k2", &ci.issuer.claims(json!({"jti": jti})));
    for _ in 0..5 {
        ci.exchange(&token("a")).await.refused(400, "unknown_signing_key");
    }
    assert_eq!(ci.issuer.key_requests(), 1);
    ci.app.pass(Duration::from_mins(1)).await;
    ci.exchange(&token("a")).await.ok();
    assert_eq!(ci.issuer.key_requests(), 2);
    ci.exchange(&ci.issuer.token(json!({"jti": "old key"}))).await.refused(400, "unknown_signing_key");
    for _ in 0..5 {
        ci.exchange(&next.token("k3", &ci.issuer.claims(json!({})))).await.refused(400, "unknown_signing_key");
    }
    assert_eq!(ci.issuer.key_requests(), 2);
}

#[tokio::test]
async fn something_else_than_keys_opens_nothing_and_is_asked_for_again() {
    let ci = Trusting::start(Signer::es256()).await;
    let good = json!({"keys": [ci.issuer.signer.jwk("k1")]});
    let twice = json!({"keys": [ci.issuer.signer.jwk("k1"), Signer::es256().jwk("k1")]});
    let none = json!({"keys": []});
    for text in ["<!doctype html><title>Sign in</title>", "", "[]", "{}", &none.to_string(), &twice.to_string()] {
        ci.issuer.serve_text("text/html", text);
        ci.exchange(&ci.issuer.token(json!({}))).await.refused(503, "unavailable");
        ci.app.pass(Duration::from_mins(1)).await;
    }
    ci.issuer.serve_text("application/json", &good.to_string());
    let token = ci.issuer.token(json!({"exp": NOW.0 / 1000 + 3600}));
    ci.exchange(&token).await.ok();
}

#[tokio::test]
async fn a_form_that_is_no_exchange_is_refused() {
    let app = TestApp::start().await;
    let send = async |fields: &[(&str, &str)]| app.stranger().submit(EXCHANGE, fields).await;
    send(&[]).await.refused(400, "unsupported_grant_type");
    send(&[("grant_type", "password"), ("subject_token", "x")]).await.refused(400, "unsupported_grant_type");
    send(&[("grant_type", GRANT)]).await.refused(400, "invalid_request");
    let saml = "urn:ietf:params:oauth:token-type:saml2";
    let typed = [("grant_type", GRANT), ("subject_token", "x"), ("subject_token_type", saml)];
    send(&typed).await.refused(400, "unsupported_token_type");
}

#[tokio::test]
async fn whoever_fails_often_is_slowed_down() {
    let app = TestApp::start().await;
    for _ in 0..300 {
        exchange(&app, "x").await.refused(400, "malformed_token");
    }
    exchange(&app, "x").await.refused(429, "too_many_requests");
}

#[tokio::test]
async fn claims_that_are_no_text_match_as_people_write_them() {
    let ci = Trusting::start(Signer::es256()).await;
    let good: [Value; 3] = [json!(123), json!(["7", 123]), json!("123")];
    for (i, id) in good.into_iter().enumerate() {
        ci.exchange(&ci.issuer.token(json!({"repository_id": id, "jti": i}))).await.ok();
    }
    let bad: [Value; 5] = [json!({"123": 1}), json!([["123"]]), json!(null), json!("0123"), json!(123.5)];
    for (i, id) in bad.into_iter().enumerate() {
        let token = ci.issuer.token(json!({"repository_id": id, "jti": 100 + i}));
        ci.exchange(&token).await.refused(403, "no_matching_rule");
    }
}

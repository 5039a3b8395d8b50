//! Somebody else's identity provider: signs tokens, and serves its keys over HTTP.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::NOW;

/// Made for these tests; RSA keys take too long to make in each of them.
const RSA: &[u8] = include_bytes!("issuer.pk8");

/// A key of an issuer.
pub enum Signer {
    Rs256(Box<RsaKeyPair>),
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Signer {
    pub fn rs256() -> Self {
        Self::Rs256(Box::new(RsaKeyPair::from_pkcs8(RSA).expect("an RSA key")))
    }

    pub fn es256() -> Self {
        let random = SystemRandom::new();
        let text = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, text.as_ref(), &random);
        Self::Es256(Box::new(key.expect("a key")))
    }

    pub fn eddsa() -> Self {
        let text = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::EdDsa(Box::new(Ed25519KeyPair::from_pkcs8(text.as_ref()).expect("a key")))
    }

    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    /// Returns the public key as an issuer serves it.
    pub fn jwk(&self, id: &str) -> Value {
        let mut key = match self {
            Self::Rs256(key) => {
                let public: PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({"kty": "RSA", "n": BASE64.encode(public.n), "e": BASE64.encode(public.e)})
            }
            Self::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y)})
            }
            Self::EdDsa(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(key.public_key())}),
        };
        key["kid"] = json!(id);
        key["use"] = json!("sig");
        key["alg"] = json!(self.algorithm());
        key
    }

    /// Signs what is already encoded.
    pub fn sign(&self, message: &str) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).expect("signed");
                signature
            }
            Self::Es256(key) => key.sign(&random, message.as_bytes()).expect("signed").as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
        }
    }

    /// Makes a token with the header of this key.
    pub fn token(&self, id: &str, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm(), "typ": "JWT", "kid": id}), claims)
    }

    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = BASE64.encode(self.sign(&message));
        format!("{message}.{signature}")
    }
}

/// Writes a part of a token.
pub fn encode(part: &Value) -> String {
    BASE64.encode(part.to_string())
}

/// An issuer on a port of its own. It ends with the test.
pub struct Issuer {
    pub url: String,
    pub signer: Signer,
    served: Arc<Mutex<Served>>,
    serving: JoinHandle<()>,
}

struct Served {
    url: String,
    /// Content type and text.
    keys: (&'static str, String),
    key_requests: usize,
}

impl Issuer {
    pub async fn start(signer: Signer) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let served = Served { url: url.clone(), keys: ("application/json", String::new()), key_requests: 0 };
        let served = Arc::new(Mutex::new(served));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .with_state(served.clone());
        #[expect(clippy::disallowed_methods, reason = "it runs beside the test")]
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        let issuer = Self { url, signer, served, serving };
        issuer.serve(&[issuer.signer.jwk("k1")]);
        issuer
    }

    /// Serves these keys from now on.
    pub fn serve(&self, keys: &[Value]) {
        self.serve_text("application/json", &json!({"keys": keys}).to_string());
    }

    /// Serves something else where the keys should be.
    pub fn serve_text(&self, content_type: &'static str, text: &str) {
        self.served.lock().expect("no panic").keys = (content_type, text.to_owned());
    }

    /// Says how often the keys were asked for.
    pub fn key_requests(&self) -> usize {
        self.served.lock().expect("no panic").key_requests
    }

    /// Returns the claims of a good token, with changes; null takes a claim away.
    pub fn claims(&self, changes: Value) -> Value {
        let now = NOW.0 / 1000;
        let mut claims = json!({
            "iss": self.url, "aud": "http://testward.test", "sub": "repo:octo/shop:ref:refs/heads/main",
            "iat": now, "nbf": now, "exp": now + 300,
            "repository": "octo/shop", "repository_id": "123", "ref": "refs/heads/main",
        });
        let object = claims.as_object_mut().expect("an object");
        object.extend(changes.as_object().expect("an object").clone());
        object.retain(|_, value| !value.is_null());
        claims
    }

    /// Signs such claims.
    pub fn token(&self, changes: Value) -> String {
        self.signer.token("k1", &self.claims(changes))
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn discovery(State(served): State<Arc<Mutex<Served>>>) -> Json<Value> {
    let url = served.lock().expect("no panic").url.clone();
    Json(json!({"issuer": url, "jwks_uri": format!("{url}/keys")}))
}

async fn keys(State(served): State<Arc<Mutex<Served>>>) -> axum::response::Response {
    let mut served = served.lock().expect("no panic");
    served.key_requests += 1;
    let (content_type, text) = served.keys.clone();
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

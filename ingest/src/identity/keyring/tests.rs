use std::{collections::VecDeque, sync::atomic::AtomicBool};

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::identity::{
    Credential, Identity, IdentityError, Refusal, TokenRules, TokenVerifier, identify,
    keys::Algorithm,
    signer::Signer,
    token::claims::{Audience, TokenClaims},
};

/// A place where keys are published, that can be away.
#[derive(Default)]
struct Site {
    published: Mutex<Vec<u8>>,
    is_away: AtomicBool,
    hangs: AtomicBool,
    reads: AtomicU64,
}

#[async_trait]
impl KeySource for Site {
    async fn read(&self) -> Result<Vec<u8>, KeysUnavailable> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(KeysUnavailable::new("nobody answers")),
            false => Ok(self.published.lock().unwrap().clone()),
        }
    }

    fn name(&self) -> String {
        "the site".into()
    }
}

impl Site {
    fn publish<'a>(&self, signers: impl IntoIterator<Item = &'a Signer>) {
        let keys: Vec<_> = signers.into_iter().map(|signer| signer.jwk().unwrap()).collect();
        *self.published.lock().unwrap() = json!({ "keys": keys }).to_string().into_bytes();
    }

    fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

const NOW_S: i64 = 1_800_000_000;
const EVERY: Duration = Duration::from_secs(300);

fn signer() -> Signer {
    Signer::generate(Algorithm::EdDsa).unwrap().0
}

fn token(signer: &Signer, user: &str) -> String {
    let claims = TokenClaims {
        iss: "issuer".into(),
        aud: Audience::One("playhead".into()),
        sub: user.into(),
        exp: NOW_S.unsigned_abs() + 10_000,
        ..TokenClaims::default()
    };
    signer.token(&claims).unwrap()
}

fn verifier(keys: &Arc<Keyring>) -> Arc<TokenVerifier> {
    let rules = TokenRules { issuer: "issuer".into(), audience: "playhead".into(), leeway_s: 0 };
    Arc::new(TokenVerifier::new(rules, Arc::clone(keys), Arc::new(|| NOW_S * 1_000)))
}

/// A keyring that has read its site and goes on.
async fn running(site: &Arc<Site>) -> Arc<Keyring> {
    let keys = Arc::new(Keyring::of_source(Arc::clone(site) as Arc<dyn KeySource>, EVERY));
    keys.refresh().await.unwrap();
    let run = Arc::clone(&keys);
    tokio::spawn(async move { run.run().await });
    keys
}

async fn user_of(verifier: &TokenVerifier, token: &str) -> Result<String, IdentityError> {
    match identify(verifier, Credential::token(token)).await? {
        Identity::Viewer(viewer) => Ok(viewer.user.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn no_good_token_is_refused_while_keys_rotate() {
    let site = Arc::new(Site::default());
    let mut signers = VecDeque::from([Arc::new(signer())]);
    site.publish(signers.iter().map(|signer| &**signer));
    let verifier = verifier(&running(&site).await);
    for round in 0..20 {
        // A new key is published, tokens by it come at once and from all sides, and the oldest of three goes.
        signers.push_back(Arc::new(signer()));
        if signers.len() > 3 {
            signers.pop_front();
        }
        site.publish(signers.iter().map(|signer| &**signer));
        let calls = (0..50).map(|call| {
            let (signer, verifier) = (Arc::clone(&signers[call % signers.len()]), Arc::clone(&verifier));
            tokio::spawn(async move { user_of(&verifier, &token(&signer, &format!("user-{call}"))).await })
        });
        for (call, answer) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), Ok(format!("user-{call}")), "round {round}");
        }
    }
    assert_eq!(site.reads(), 21, "one reading a round for all who wait");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_withdrawn_counts_no_more_though_its_tokens_were_cached() {
    let site = Arc::new(Site::default());
    let (old, new) = (signer(), signer());
    site.publish([&old, &new]);
    let keys = running(&site).await;
    let verifier = verifier(&keys);
    let (old_token, new_token) = (token(&old, "ann"), token(&new, "ben"));
    for _ in 0..2 {
        assert_eq!(user_of(&verifier, &old_token).await, Ok("ann".into()));
        assert_eq!(user_of(&verifier, &new_token).await, Ok("ben".into()));
    }
    site.publish([&new]);
    tokio::time::sleep(EVERY + DISTANCE).await;
    assert!(matches!(
        user_of(&verifier, &old_token).await,
        Err(IdentityError::Token(Refusal::UnknownKey { .. }))
    ));
    assert_eq!(user_of(&verifier, &new_token).await, Ok("ben".into()));
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_source_rides_on_the_keys_that_there_are() {
    let site = Arc::new(Site::default());
    let (known, later) = (signer(), signer());
    site.publish([&known]);
    let verifier = verifier(&running(&site).await);
    site.is_away.store(true, Ordering::Relaxed);
    let end = Instant::now() + Duration::from_secs(3_600);
    let mut minute = 0;
    while Instant::now() < end {
        // New tokens, which no cache of tokens knows.
        let user = format!("user-{minute}");
        assert_eq!(user_of(&verifier, &token(&known, &user)).await, Ok(user));
        minute += 1;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let tried = site.reads();
    assert!((60..=3_600 / DISTANCE.as_secs()).contains(&tried), "{tried} readings in an hour");
    assert!(user_of(&verifier, &token(&later, "ann")).await.is_err());
    site.publish([&later]);
    site.is_away.store(false, Ordering::Relaxed);
    assert_eq!(user_of(&verifier, &token(&later, "ann")).await, Ok("ann".into()), "at once when it is back");
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_cost_a_reading_every_two_seconds_at_most_and_wait_within_the_bound() {
    let site = Arc::new(Site::default());
    site.publish([&signer()]);
    let keys = running(&site).await;
    let verifier = verifier(&keys);
    let forged = token(&signer(), "mallory");
    let begun = Instant::now();
    for _ in 0..10 {
        let calls: Vec<_> = (0..100).map(|_| user_of(&verifier, &forged)).collect();
        for answer in futures_util::future::join_all(calls).await {
            assert!(answer.is_err());
        }
    }
    let most = begun.elapsed().as_secs() / DISTANCE.as_secs() + 2;
    assert!(site.reads() <= most, "{} readings, at most {most}", site.reads());

    site.hangs.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    assert!(user_of(&verifier, &forged).await.is_err());
    assert!(begun.elapsed() <= WAIT_MAX, "{:?}", begun.elapsed());

    // Beyond so many who wait, one is refused at once.
    let waiting: Vec<_> = (0..WAITERS_MAX).map(|_| Box::pin(keys.refreshed())).collect();
    let mut waiting = futures_util::future::join_all(waiting);
    assert!(futures_util::FutureExt::now_or_never(&mut waiting).is_none());
    let begun = Instant::now();
    assert!(user_of(&verifier, &forged).await.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn nonsense_from_the_source_leaves_the_keys_as_they_are() {
    let site = Arc::new(Site::default());
    let known = signer();
    site.publish([&known]);
    let keys = running(&site).await;
    for nonsense in [&b"<html>try later</html>"[..], b"", br#"{"keys":[]}"#] {
        *site.published.lock().unwrap() = nonsense.to_vec();
        assert!(matches!(keys.refresh().await, Err(RefreshError::Jwks(_))));
        assert!(keys.current().find(known.kid()).is_some());
    }
    site.hangs.store(true, Ordering::Relaxed);
    assert!(matches!(keys.refresh().await, Err(RefreshError::TooSlow)));
}

#[tokio::test(start_paused = true)]
async fn fixed_keys_make_nobody_wait() {
    let begun = Instant::now();
    let keys = Arc::new(Keyring::fixed(KeySet::default().with_secret("development", &[7; 32])));
    keys.run().await;
    let verifier = verifier(&keys);
    assert_eq!(
        user_of(&verifier, &token(&Signer::from_secret("development", &[7; 32]), "ann")).await,
        Ok("ann".into())
    );
    assert!(user_of(&verifier, &token(&signer(), "ann")).await.is_err());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

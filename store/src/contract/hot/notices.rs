//! What is told of what was written.

use crate::{
    AccountId, PlanId,
    contract::Dice,
    hot::{Hot, NOTICE_MAX, Notice, Stale},
    ids::ID_BYTES_MAX,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::broadcast::Receiver, time::timeout};

/// Everybody who listens hears all that is told, as it was told and in its order; who tells hears it too.
pub async fn what_is_told_stale_is_heard(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let from = dice.number().max(1);
    let kinds = [
        Stale::All,
        Stale::Item(dice.item()),
        Stale::Plan(PlanId::new("basic").expect("a short name")),
        Stale::Subscriptions(AccountId::new("가족").expect("a short name")),
        Stale::Grants(dice.user()),
        Stale::Limits(dice.user()),
    ];
    let mut told: Vec<Notice> =
        kinds.iter().map(|stale| Notice { from, stale: [stale.clone()].into() }).collect();
    told.push(Notice { from, stale: kinds.into() });
    let mut ears = [store.stale(), store.stale()];
    for ear in &mut ears {
        opened(&*store, ear, &mut dice).await;
    }
    for notice in &told {
        store.tell_stale(notice).await.expect("a notice is told");
    }
    for ear in &mut ears {
        for notice in &told {
            assert_eq!(heard(ear, from).await, *notice);
        }
    }
}

/// As much as a notice may say is heard whole.
pub async fn a_notice_of_the_greatest_length_is_heard(store: Arc<dyn Hot>) {
    let mut dice = Dice::new();
    let from = dice.number().max(1);
    let longest = |number: usize| AccountId::new(&format!("{number:0>ID_BYTES_MAX$}")).expect("a long name");
    let stale: Vec<_> = (0..NOTICE_MAX).map(|number| Stale::Subscriptions(longest(number))).collect();
    let notice = Notice { from, stale: stale.into() };
    let mut ear = store.stale();
    opened(&*store, &mut ear, &mut dice).await;
    store.tell_stale(&notice).await.expect("a notice is told");
    assert_eq!(heard(&mut ear, from).await, notice);
}

/// Waits until this ear hears: a subscription takes a moment to be there.
async fn opened(store: &dyn Hot, ear: &mut Receiver<Notice>, dice: &mut Dice) {
    let from = dice.number().max(1);
    let notice = Notice { from, stale: [Stale::All].into() };
    for _ in 0..TRIES {
        store.tell_stale(&notice).await.expect("a notice is told");
        if timeout(TRY, heard(ear, from)).await.is_ok() {
            return;
        }
    }
    panic!("nothing is heard");
}

/// The next notice from there, whatever others tell meanwhile.
async fn heard(ear: &mut Receiver<Notice>, from: u64) -> Notice {
    let notice = async {
        loop {
            let notice = ear.recv().await.expect("notices are heard");
            if notice.from == from {
                return notice;
            }
        }
    };
    timeout(PATIENCE, notice).await.expect("a notice comes in time")
}

const TRY: Duration = Duration::from_millis(50);
const TRIES: usize = 200;
const PATIENCE: Duration = Duration::from_secs(5);

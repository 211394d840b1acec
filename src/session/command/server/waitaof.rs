//! WAITAOF numlocal numreplicas timeout: returns when what was done before is durable, or when the time is over, and says where it is.

use std::time::Duration;

use crate::command::{Args, Fault};
use crate::resp::{Reply, number};
use crate::session::{Asked, Session};

const LOCAL: &str = "ERR value is out of range, value must between 0 and 1";
const OFF: &str = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

pub(super) fn run<'a>(session: &'a mut Session, args: Args<'a>, mut reply: Reply<'a>) -> Asked<'a> {
    Box::pin(async move {
        let wanted = args.int(1)?;
        if !(0..=1).contains(&wanted) {
            return Err(Fault::Because(LOCAL));
        }
        let replicas = args.count(2)?;
        let timeout = number::parse_integer(args.get(3)).ok_or(Fault::Because("ERR timeout is not an integer or out of range"))?;
        let timeout = u64::try_from(timeout).map_err(|_| Fault::Because("ERR timeout is negative"))?;
        let pages = session.local.board.pages.clone();
        if wanted == 1 && !pages.is_on() {
            return Err(Fault::Because(OFF));
        }
        // Whoever has its replies finds what they did among the pages that were sent until now.
        let last = pages.last();
        let waited = async {
            if wanted == 1 && pages.durable() < last {
                pages.durable_to(last).await;
            }
            if replicas > 0 {
                // There are none, and none will come.
                std::future::pending::<()>().await;
            }
        };
        // In a transaction nobody waits.
        if !session.in_block {
            match timeout {
                0 => waited.await,
                millis => drop(tokio::time::timeout(Duration::from_millis(millis), waited).await),
            }
        }
        reply.array(2);
        reply.integer(i64::from(pages.is_on() && pages.durable() >= last));
        reply.integer(0);
        Ok(())
    })
}

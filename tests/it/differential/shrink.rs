//! The shortest episode that still differs: steps are left out, then words, then elements are made plain.

use super::speech::Step;

/// Attempts, each of which is an episode said to two servers.
const ATTEMPTS_MAX: usize = 1_500;

/// Shrinks `steps` as long as `differs` says that what is left still does.
pub fn shrink(mut steps: Vec<Step>, mut differs: impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut attempts = 0;
    let mut holds = |steps: &[Step]| {
        attempts += 1;
        attempts <= ATTEMPTS_MAX && differs(steps)
    };
    // Halves first, then ever smaller runs, down to single steps; again as long as that gains something.
    loop {
        let before = steps.len();
        let mut run = steps.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < steps.len() {
                let mut fewer = steps.clone();
                fewer.drain(at..(at + run).min(steps.len()));
                if holds(&fewer) {
                    steps = fewer;
                } else {
                    at += run;
                }
            }
            if run == 1 {
                break;
            }
            run = run.div_ceil(2);
        }
        if steps.len() == before {
            break;
        }
    }
    for at in 0..steps.len() {
        shrink_words(&mut steps, at, &mut holds);
    }
    steps
}

fn shrink_words(steps: &mut [Step], at: usize, holds: &mut impl FnMut(&[Step]) -> bool) {
    if let Step::Block(commands) = &steps[at] {
        // Not the first and the last, which make it a block.
        for inner in (1..commands.len() - 1).rev() {
            let Step::Block(commands) = &steps[at] else { return };
            let mut fewer = commands.clone();
            fewer.remove(inner);
            let kept = std::mem::replace(&mut steps[at], Step::Block(fewer));
            if !holds(steps) {
                steps[at] = kept;
            }
        }
    }
    // Long commands lose words by the run, as episodes lose steps.
    let Step::One(command) = &steps[at] else { return };
    let mut run = (command.len() / 2).max(1);
    loop {
        let mut word = 1;
        loop {
            let Step::One(command) = &steps[at] else { return };
            if word >= command.len() {
                break;
            }
            let mut fewer = command.clone();
            fewer.drain(word..(word + run).min(command.len()));
            let kept = std::mem::replace(&mut steps[at], Step::One(fewer));
            if !holds(steps) {
                steps[at] = kept;
                word += run;
            }
        }
        if run == 1 {
            return;
        }
        run = run.div_ceil(2);
    }
}

#[test]
fn what_does_not_matter_is_left_out() {
    let step = |text: &str| Step::One(text.split(' ').map(|word| word.as_bytes().to_vec()).collect());
    let steps: Vec<Step> = (0..40).map(|i| step(&format!("SET k{i} {i} NX GET"))).collect();
    let said = |steps: &[Step], wanted: &[&[u8]]| {
        steps.iter().any(|step| step.commands().iter().any(|command| wanted.iter().all(|word| command.contains(&word.to_vec()))))
    };
    let shrunk = shrink(steps, |steps| said(steps, &[b"k7"]) && said(steps, &[b"k31", b"NX"]));
    assert_eq!(shrunk, [step("SET k7"), step("SET k31 NX")]);
}

use super::*;
use crate::connection_info::{ConnectionInfo, Listener};
use crate::routes::Target;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

#[test]
fn work_comes_out_in_the_order_it_went_in() {
    let queue = Arc::new(JobQueue::new(1));
    let consumer = Consumer::new(queue.clone());
    (0..3).for_each(|number| queue.finished(Completion::for_anyone(number), true));
    let order: Vec<u64> = std::iter::from_fn(|| match consumer.try_pop() {
        Some(Work::Finished { completion, .. }) => Some(completion.number),
        _ => None,
    })
    .collect();
    assert_eq!(order, [0, 1, 2]);
    assert_eq!(queue.busy(), 3);
}

#[test]
fn every_sleeper_gets_work_though_only_one_is_woken_at_a_time() {
    let queue = Arc::new(JobQueue::new(1));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let consumer = Consumer::new(queue.clone());
            thread::spawn(move || {
                loop {
                    assert_eq!(consumer.wait(), Waited::Available);
                    if consumer.take_after_wait().is_some() {
                        return;
                    }
                }
            })
        })
        .collect();
    (0..4).for_each(|number| queue.finished(Completion::for_anyone(number), true));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(queue.busy(), 4);
}

fn observed(target_bytes: usize) -> Observed {
    let mut config = hyperion_proto::Config::default();
    config.limits.head_bytes = 2 * target_bytes + 100;
    let head = format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(target_bytes));
    Observed {
        request: Arc::new(hyperion_proto::Request::from_head(head.as_bytes(), &config).unwrap()),
        connection: Arc::new(ConnectionInfo {
            certificate: std::sync::OnceLock::new(),
            remote_addr: String::new(),
            remote_port: 0,
            listener: Arc::new(Listener::Unix),
        }),
        status: 200,
        fields: Box::default(),
        target: Target::App,
    }
}

#[test]
fn reports_are_bounded_by_number_and_by_bytes() {
    for (target_bytes, kept) in [(1, OBSERVED_MAX), (6000, OBSERVED_BYTES_MAX / 6030)] {
        let queue = Arc::new(JobQueue::new(1));
        let consumer = Consumer::new(queue.clone());
        (0..OBSERVED_MAX + 10).for_each(|_| queue.observe(observed(target_bytes)));
        let Some(Work::Observed(batch)) = consumer.try_pop() else { panic!("a batch") };
        assert!(batch.len().abs_diff(kept) < 50, "{} of {kept}", batch.len());
        assert_eq!(batch.len() as u64 + queue.unobserved(), OBSERVED_MAX as u64 + 10);
        queue.observe(observed(target_bytes));
        assert!(matches!(consumer.try_pop(), Some(Work::Observed(batch)) if batch.len() == 1));
    }
}

#[test]
fn what_waits_and_who_works_is_counted() {
    let stats = Arc::new(Stats::default());
    let queue = Arc::new(JobQueue::counting(1, stats.clone()));
    let consumer = Consumer::new(queue.clone());
    (0..2).for_each(|number| queue.finished(Completion::for_anyone(number), true));
    let work = [consumer.try_pop(), consumer.try_pop()];
    assert!(work.iter().all(Option::is_some));
    assert_eq!(stats.executors_busy.value(), 2);
    assert!(consumer.done_try_pop(Kind::News).is_none());
    consumer.done(Kind::News);
    assert_eq!(stats.executors_busy.value(), 0);
}

#[test]
fn an_interrupt_ends_a_wait_even_when_it_comes_first() {
    let queue = Arc::new(JobQueue::new(1));
    let consumer = Consumer::new(queue.clone());
    consumer.interrupt();
    assert_eq!(consumer.wait(), Waited::Interrupted);
    queue.close();
    assert_eq!(consumer.wait(), Waited::Closed);
}

fn name(work: Option<Work>) -> Option<u64> {
    match work? {
        Work::Finished { completion, .. } => Some(completion.number),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_end_of_a_response_is_told_to_who_answered_before_anything_else() {
    let queue = Arc::new(JobQueue::new(1));
    let [first, second] = [(); 2].map(|()| Consumer::new(queue.clone()));
    queue.finished(Completion::for_anyone(1), true);
    queue.finished(second.completion(2), true);
    assert!(first.has_news() && !queue.is_quiet());
    assert_eq!(name(second.try_pop()), Some(2));
    assert_eq!(name(second.try_pop()), Some(1));
    assert_eq!(name(first.try_pop()), None);
    queue.finished(second.completion(3), true);
    assert!(!first.has_news());
    assert_eq!(name(first.try_pop()), None);
}

#[test]
fn who_answered_is_woken_for_its_end_among_all_that_sleep() {
    let queue = Arc::new(JobQueue::new(1));
    let (told, ends) = std::sync::mpsc::channel();
    let sleepers: Vec<_> = (0..3)
        .map(|_| {
            let (consumer, told) = (Consumer::new(queue.clone()), told.clone());
            let own = consumer.number as u64;
            let completion = consumer.completion(own);
            let thread = thread::spawn(move || {
                while consumer.wait() == Waited::Available {
                    let number = name(consumer.take_after_wait());
                    consumer.done(Kind::News);
                    told.send((number, own)).unwrap();
                }
            });
            (completion, thread)
        })
        .collect();
    for round in 0..300 {
        let completion = sleepers[round % 3].0;
        queue.finished(completion, true);
        assert_eq!(ends.recv().unwrap(), (Some(completion.number), completion.number));
    }
    queue.close();
    sleepers.into_iter().for_each(|(_, thread)| thread.join().unwrap());
}

#[test]
fn the_ends_that_an_executor_leaves_behind_go_to_the_others() {
    let queue = Arc::new(JobQueue::new(1));
    let [gone, left] = [(); 2].map(|()| Consumer::new(queue.clone()));
    let late = gone.completion(2);
    queue.finished(gone.completion(1), true);
    drop(gone);
    queue.finished(late, true);
    assert_eq!([name(left.try_pop()), name(left.try_pop())], [Some(1), Some(2)]);
}

#[test]
fn who_leaves_early_is_not_asked_again() {
    let queue = Arc::new(JobQueue::new(1));
    let [gone, left] = [(); 2].map(|()| Consumer::new(queue.clone()));
    queue.finished(gone.completion(1), true);
    gone.leave();
    let newcomer = Consumer::new(queue.clone());
    assert_eq!(newcomer.number, gone.number, "its number is free");
    drop(gone);
    queue.finished(newcomer.completion(2), true);
    assert_eq!([name(newcomer.try_pop()), name(left.try_pop())], [Some(2), Some(1)]);
}

#[test]
fn who_sleeps_elsewhere_is_woken_once_and_takes_what_there_is() {
    let queue = Arc::new(JobQueue::new(1));
    let consumer = Consumer::new(queue.clone());
    let wakes = Arc::new(AtomicUsize::new(0));
    let counted = wakes.clone();
    consumer.begin_sleep(Waker::new(Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    })));
    assert!(!consumer.has_news());
    (1..3).for_each(|number| queue.finished(Completion::for_anyone(number), true));
    assert_eq!(wakes.load(Ordering::SeqCst), 1);
    assert!(consumer.has_news());
    consumer.end_sleep();
    queue.finished(Completion::for_anyone(3), true);
    assert_eq!(wakes.load(Ordering::SeqCst), 1, "it is awake");
    assert_eq!([(); 3].map(|()| name(consumer.take_after_wait())), [Some(1), Some(2), Some(3)]);
}

#[test]
fn behind_a_refusal_ends_are_told_but_not_by_who_is_at_work_on_a_request() {
    let queue = Arc::new(JobQueue::new(1));
    let [serving, idle] = [(); 2].map(|()| Consumer::new(queue.clone()));
    queue.lock().executors[serving.number].as_mut().unwrap().serving = 1;
    queue.lock().busy = 1;
    queue.finished(serving.completion(1), true);
    queue.refuse();
    queue.finished(serving.completion(2), true);
    queue.finished(idle.completion(3), true);
    assert!(!queue.has_told_ends());
    assert_eq!([(); 3].map(|()| name(idle.try_pop())), [Some(3), Some(1), Some(2)]);
    assert!(!queue.has_told_ends(), "they are at hand");
    (0..3).for_each(|_| idle.done(Kind::News));
    assert!(queue.has_told_ends());
    drop(idle);
    queue.finished(serving.completion(4), true);
    assert!(queue.has_told_ends(), "nobody is there to tell it");
}

use super::*;
use crate::reactor::message::Message;

/// The way back to nobody, and where it leads.
fn handle() -> (ReplyHandle, Arc<Inbox>, Arc<Flow>) {
    let inbox = Arc::new(Inbox::new(Waker::new(Arc::new(|| {}))));
    let key = ReplyKey { session: Key { index: 0, generation: 0 }, stream: StreamId(1) };
    let flow = Flow::new(0);
    (ReplyHandle::new(inbox.clone(), key, flow.clone()), inbox, flow)
}

fn said(inbox: &Inbox) -> Vec<Message> {
    let mut said = Vec::new();
    inbox.take(&mut said);
    said
}

#[test]
fn a_hijacked_connection_that_nobody_takes_is_cut() {
    let (handle, inbox, flow) = handle();
    handle.hijack().unwrap();
    assert!(handle.is_answered() && handle.is_complete());
    flow.update(|state| state.hijacked = Some(Hijacked::Tunnel));
    drop(handle);
    assert!(matches!(said(&inbox)[..], [Message::Hijack(_), Message::Abort(_)]));
}

#[test]
fn a_tunnel_that_was_taken_ends_as_its_bridge_says() {
    let (handle, inbox, flow) = handle();
    handle.hijack().unwrap();
    flow.update(|state| state.hijacked = Some(Hijacked::Tunnel));
    assert!(handle.take_hijacked().is_some());
    handle.finish(None);
    drop(handle);
    assert!(matches!(said(&inbox)[..], [Message::Hijack(_), Message::Finish(..)]));
}

#[test]
fn a_socket_that_was_taken_is_left_alone() {
    let (handle, inbox, flow) = handle();
    handle.hijack().unwrap();
    let socket = std::fs::File::open("/dev/null").unwrap().into();
    let unread = Bytes::new();
    flow.update(|state| state.hijacked = Some(Hijacked::Socket { socket, unread }));
    assert!(handle.take_hijacked().is_some());
    drop(handle);
    assert!(matches!(said(&inbox)[..], [Message::Hijack(_)]));
}

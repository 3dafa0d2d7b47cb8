//! What a connection asks of the ring.

use super::*;

impl Connection {
    /// Hands the front of the queue to the kernel, unless it has it already.
    pub(super) fn transmit(&mut self, ring: &mut Ring) {
        if self.life != Life::Open || self.output != Output::Idle {
            return;
        }
        if self.queue.is_empty() {
            if self.afterwards == Afterwards::Shutdown {
                self.afterwards = Afterwards::Nothing;
                // It fails only when the connection is gone, which receiving reports.
                let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
            }
        } else if self.queue.front_file().is_some() {
            self.poll(ring);
        } else {
            let entry = self.describe_output();
            self.output = Output::Sending;
            self.push(ring, Operation::Send(self.slot), entry);
        }
    }

    pub(super) fn describe_output(&mut self) -> squeue::Entry {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = self.queue.io_slices(&mut slices);
        let slices = &slices[..count];
        let flags = flags(slices, &self.queue).bits();
        if let [slice] = slices {
            let length = slice.len().min(SEND_MAX) as u32;
            let send = opcode::Send::new(self.descriptor(), slice.as_ptr(), length);
            return send.flags(flags as i32).build();
        }
        let message = self.message.get_or_insert_with(Message::new).describe(slices);
        opcode::SendMsg::new(self.descriptor(), message).flags(flags).build()
    }

    pub(super) fn poll(&mut self, ring: &mut Ring) {
        if self.life == Life::Open {
            self.output = Output::Polling;
            let entry = opcode::PollAdd::new(self.descriptor(), libc::POLLOUT as u32).build();
            self.push(ring, Operation::Poll(self.slot), entry);
        }
    }

    pub(super) fn watch(&mut self, ring: &mut Ring) {
        let wanted = self.input == Input::Ended && self.afterwards != Afterwards::Detach;
        if wanted && self.life == Life::Open && !self.watched {
            self.watched = true;
            // It always tells of errors and of the end of both sides.
            let entry = opcode::PollAdd::new(self.descriptor(), 0).build();
            self.push(ring, Operation::Watch(self.slot), entry);
        }
    }

    pub(super) fn cancel(&mut self, operation: Operation, ring: &mut Ring) {
        let entry = opcode::AsyncCancel::new(operation.to_word()).build();
        self.push_cancellation(ring, entry);
    }

    pub(super) fn cancel_all(&mut self, ring: &mut Ring) {
        let everything = CancelBuilder::fd(self.descriptor()).all();
        let entry = opcode::AsyncCancel2::new(everything).build();
        self.push_cancellation(ring, entry);
    }

    pub(super) fn push_cancellation(&mut self, ring: &mut Ring, entry: squeue::Entry) {
        self.cancellations += 1;
        self.push(ring, Operation::Cancel(self.slot), entry);
    }

    pub(super) fn push(&mut self, ring: &mut Ring, operation: Operation, entry: squeue::Entry) {
        self.in_flight += 1;
        // SAFETY: the descriptor is our socket, which is kept while anything is in flight, as are
        // the queue and the message. While `output` says that the kernel reads them, the queue is
        // only appended to, which moves no bytes, and the message is not touched. Received bytes go
        // to the registered buffers, and cancellations use no memory.
        unsafe { ring.push(operation, entry) }
    }

    pub(super) fn descriptor(&self) -> Fd {
        Fd(self.socket.as_raw_fd())
    }
}

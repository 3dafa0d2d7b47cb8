/// Asks for [`Work::Finished`](crate::Work::Finished) once the response has left or was cut.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Completion {
    /// The executor's own name for it.
    pub number: u64,
    /// The only one who is told, while it is there.
    pub(crate) executor: Option<usize>,
}

impl Completion {
    /// To be told to whoever has time; [`Consumer::completion`](crate::Consumer::completion) names one.
    pub fn for_anyone(number: u64) -> Self {
        Self { number, executor: None }
    }
}

//! What the cache keeps: here, a number.

pub(crate) mod version {
    #[derive(Debug, Clone)]
    pub(crate) struct PromptVersion(pub(crate) u64);

    impl PromptVersion {
        pub(crate) fn for_this_thread(&self) -> PromptVersion {
            self.clone()
        }
    }
}

//! Output: from the log into the ring, to the followers, and at leisure into the screen.

use std::time::Duration;

use offshoot_protocol::TerminalSize;
use offshoot_shim::frame::ToShim;
use offshoot_shim::log::{Reader, Record, Tail};
use tokio::time::Instant;

use super::screen::{LAG_ALONE, LAG_FOLLOWED, LazyScreen, PIECE};
use super::task::{Change, WorkerTask};

/// Output read in one turn of the loop, so that commands, and other workers on the same thread, get
/// their turn in a flood.
const TURN_BYTES: u64 = 128 * 1024;

/// The screen catches up when output was quiet for so long.
const QUIET: Duration = Duration::from_millis(25);

/// A title is shown for at least so long.
const TITLE_EVERY: Duration = Duration::from_millis(250);

/// A full disk makes gap after gap; the log of the server says so at most this often.
const GAPS_TOLD_EVERY: Duration = Duration::from_secs(10);

/// So little output is parsed at once: somebody types, and nothing is gained by waiting.
const LITTLE: u64 = 8 * 1024;

impl WorkerTask {
    /// Reads what the log holds beyond the position, up to one turn's worth, and forwards it.
    pub(super) async fn read_output(&mut self) {
        let urgent = self.take_in_output();
        let behind = self.position - self.parsed();
        if urgent || (!self.more_output && behind <= LITTLE) {
            self.catch_up_at = None;
            self.catch_up_a_piece().await;
        } else if behind > 0 {
            self.catch_up_at = Some(Instant::now() + QUIET);
        }
    }

    /// Reads and forwards one turn's worth. Returns whether the screen must be fed at once.
    pub(super) fn take_in_output(&mut self) -> bool {
        self.more_output = false;
        let start = self.position;
        let mut urgent = false;
        let read = self.read_turn(&mut urgent);
        if let Err(err) = read {
            tracing::error!(%err, "read the output log");
        }
        if self.position > start {
            self.output_at = Some(Instant::now());
            self.rest_later();
            let end = self.position;
            let changed = self
                .activities
                .as_mut()
                .is_some_and(|watch| watch.on_output(end - start));
            self.show_activity(changed);
            self.on_asking_changed();
        }
        if !self.more_output {
            self.arm();
        }
        urgent
    }

    fn read_turn(&mut self, urgent: &mut bool) -> Result<(), offshoot_shim::log::ReadError> {
        let (log, mut place) = match self.log.take() {
            Some(reading) => reading,
            None => (Reader::open(&self.setup.dir)?, Tail::at(self.position)),
        };
        let start = self.position;
        while let Some(record) = log.next_record(&mut place)? {
            *urgent |= self.on_record(record);
            if self.position - start >= TURN_BYTES {
                self.more_output = true;
                break;
            }
        }
        self.log = Some((log, place));
        Ok(())
    }

    /// Takes in one record. Returns whether the screen must be fed at once.
    fn on_record(&mut self, record: Record) -> bool {
        match record {
            Record::Out { offset, bytes, .. } => {
                let known =
                    usize::try_from(self.position.saturating_sub(offset)).unwrap_or(usize::MAX);
                let Some(bytes) = bytes.get(known..) else {
                    return false;
                };
                if offset > self.position {
                    self.skip_output(offset);
                }
                self.forward(bytes)
            }
            Record::Gap { to, .. } => {
                if to > self.position {
                    self.skip_output(to);
                }
                false
            }
            Record::Resize {
                offset, cols, rows, ..
            } => {
                if offset >= self.position {
                    self.on_resized(offset, TerminalSize { cols, rows });
                }
                false
            }
            Record::Exit { .. } => false,
        }
    }

    fn forward(&mut self, bytes: &[u8]) -> bool {
        self.shared.ring.lock().push(bytes);
        self.position += bytes.len() as u64;
        let end = self.position;
        let followed = !self.viewers.is_empty();
        let lag_max = if followed { LAG_FOLLOWED } else { LAG_ALONE };
        // Followers first; parsing comes after.
        self.shared.head.send_modify(|head| head.end = end);
        self.screen
            .as_mut()
            .is_some_and(|screen| screen.on_output(bytes, end, lag_max))
    }

    fn skip_output(&mut self, to: u64) {
        let now = Instant::now();
        if self
            .gap_told_at
            .is_none_or(|told| now - told >= GAPS_TOLD_EVERY)
        {
            self.gap_told_at = Some(now);
            tracing::warn!(from = self.position, to, "output is missing in the log");
        }
        self.shared.ring.lock().skip_to(to);
        self.position = to;
        self.shared.head.send_modify(|head| head.end = to);
    }

    fn on_resized(&mut self, offset: u64, size: TerminalSize) {
        if let Some(activities) = &mut self.activities {
            activities.look_again();
        }
        if let Some(screen) = &mut self.screen {
            screen.on_resize(offset, size);
        }
        self.asked_size.take_if(|asked| *asked == size);
        if self.size() != size {
            self.note_size(size);
            self.notify(Change::Process);
        }
    }

    /// Asks the shim to tell when the log grows beyond the position.
    pub(super) fn arm(&mut self) {
        let position = self.position;
        if let Some(link) = &mut self.link {
            link.queue(&ToShim::Arm { position });
        }
    }

    pub(super) fn parsed(&self) -> u64 {
        self.screen
            .as_ref()
            .map_or(self.position, LazyScreen::parsed)
    }

    /// Returns the screen, begun from the oldest kept output when there was none.
    pub(super) async fn screen_mut(&mut self) -> &mut LazyScreen {
        if self.screen.is_none() {
            let screen = self.begin_screen();
            self.screen = Some(screen);
            self.catch_up().await;
        }
        self.screen.as_mut().expect("it was made above")
    }

    /// Begins a screen at the oldest output there is.
    pub(super) fn begin_screen(&self) -> LazyScreen {
        let first = Reader::open(&self.setup.dir).and_then(|mut log| log.first_offset());
        let first = first.unwrap_or(self.position).min(self.position);
        LazyScreen::new(self.size(), first, self.setup.screen_options.clone())
    }

    /// Brings the screen up to the position, in pieces that let other tasks run in between.
    pub(super) async fn catch_up(&mut self) {
        while self.feed_a_piece().await {
            tokio::task::yield_now().await;
        }
    }

    /// Brings the screen further; when it is still behind, the rest follows after whatever else
    /// the worker has to do.
    pub(super) async fn catch_up_a_piece(&mut self) {
        if self.feed_a_piece().await {
            self.catch_up_at = Some(Instant::now());
        }
    }

    /// Feeds the screen one piece. Returns whether there is more.
    async fn feed_a_piece(&mut self) -> bool {
        let Some(mut screen) = self.screen.take() else {
            return false;
        };
        let wanted = screen.appetite(self.position);
        let mut moved = false;
        if wanted > 0 {
            let held = self.shared.ring.lock().read(screen.parsed(), wanted);
            moved = match held.filter(|bytes| !bytes.is_empty()) {
                Some(bytes) => {
                    screen.feed(&bytes);
                    true
                }
                None => self.catch_up_from_log(&mut screen).await,
            };
        }
        let more = moved && screen.parsed() < self.position;
        let answers = screen.take_answers();
        let events = screen.take_events();
        self.screen = Some(screen);
        self.answer_queries(answers);
        self.on_events(&events);
        more
    }

    /// Feeds what only the log files hold, with the sizes the terminal had at the time. Returns
    /// whether the screen got any further.
    async fn catch_up_from_log(&self, screen: &mut LazyScreen) -> bool {
        let start = screen.parsed();
        let Ok(mut log) = Reader::open(&self.setup.dir) else {
            return false;
        };
        let mut piece = Vec::new();
        for record in log.records(start).map_while(Result::ok) {
            let known = screen.parsed() + piece.len() as u64;
            if known >= self.position {
                break;
            }
            match record {
                Record::Out {
                    offset, mut bytes, ..
                } if offset <= known => {
                    let seen = usize::try_from(known - offset).unwrap_or(usize::MAX);
                    let rest = usize::try_from(self.position - offset).unwrap_or(usize::MAX);
                    bytes.truncate(rest);
                    piece.extend_from_slice(bytes.get(seen..).unwrap_or_default());
                }
                Record::Out { offset: to, .. } | Record::Gap { to, .. } if to > known => {
                    piece.clear();
                    screen.restart_at(to.min(self.position));
                }
                Record::Resize {
                    offset, cols, rows, ..
                } if offset >= known => {
                    screen.feed(&std::mem::take(&mut piece));
                    screen.resize_now(TerminalSize { cols, rows });
                }
                _ => {}
            }
            if piece.len() >= PIECE {
                screen.feed(&std::mem::take(&mut piece));
                tokio::task::yield_now().await;
            }
        }
        screen.feed(&piece);
        screen.parsed() > start
    }

    fn on_events(&mut self, events: &[offshoot_vt::Event]) {
        let mut changed = false;
        for event in events {
            if let offshoot_vt::Event::Title(title) = event {
                self.next_title = Some(title.clone());
            }
            self.prompts.on_event(event);
            changed |= self
                .activities
                .as_mut()
                .is_some_and(|watch| watch.on_event(event));
        }
        if self.title_at.is_none() {
            self.show_title();
        }
        self.show_activity(changed);
    }

    /// Shows the newest title, and the next one not at once: every title is told to every client,
    /// and programs count seconds or percents in theirs.
    pub(super) fn show_title(&mut self) {
        let Some(title) = self.next_title.take() else {
            return;
        };
        let title = Some(title).filter(|title| !title.is_empty());
        let changed = self.shared.head.send_if_modified(|head| {
            let changed = head.title != title;
            head.title = title;
            changed
        });
        if changed {
            self.title_at = Some(Instant::now() + TITLE_EVERY);
            self.notify(Change::Process);
        }
    }
}

//! Who decides the size of a terminal: one client at a time.
//!
//! The owner is who typed or claimed last, else the first who attached with a size. Others see the
//! owner's grid. When the owner leaves, the longest attached client with a size follows. Pure.

use offshoot_protocol::TerminalSize;
use offshoot_protocol::terminal::ClientId;

/// Clients attached to one terminal, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Viewers {
    viewers: Vec<Viewer>,
    owner: Option<ClientId>,
}

#[derive(Debug)]
struct Viewer {
    client: ClientId,
    size: Option<TerminalSize>,
    /// A client may hold several connections for a moment while it reconnects.
    connections: u32,
}

impl Viewers {
    /// Returns the client that decides the size.
    pub(crate) fn owner(&self) -> Option<ClientId> {
        self.owner
    }

    /// Tells whether nobody follows.
    pub(crate) fn is_empty(&self) -> bool {
        self.viewers.is_empty()
    }

    /// Returns the size that the owner shows.
    pub(crate) fn owner_size(&self) -> Option<TerminalSize> {
        self.size_of_owner(self.owner?)
    }

    /// A client starts to follow. Returns the size to apply, if it changes hands.
    pub(crate) fn attach(
        &mut self,
        client: ClientId,
        size: Option<TerminalSize>,
    ) -> Option<TerminalSize> {
        match self
            .viewers
            .iter_mut()
            .find(|viewer| viewer.client == client)
        {
            Some(viewer) => {
                viewer.connections += 1;
                viewer.size = size.or(viewer.size);
            }
            None => self.viewers.push(Viewer {
                client,
                size,
                connections: 1,
            }),
        }
        if self.owner.is_none() && size.is_some() {
            self.owner = Some(client);
        }
        self.size_of_owner(client)
    }

    /// One connection of a client ends. Returns the next owner's size when it owned the size.
    pub(crate) fn detach(&mut self, client: ClientId) -> Option<TerminalSize> {
        let position = self
            .viewers
            .iter()
            .position(|viewer| viewer.client == client)?;
        self.viewers[position].connections -= 1;
        if self.viewers[position].connections > 0 {
            return None;
        }
        self.viewers.remove(position);
        if self.owner != Some(client) {
            return None;
        }
        let next = self.viewers.iter().find(|viewer| viewer.size.is_some());
        self.owner = next.map(|viewer| viewer.client);
        next.and_then(|viewer| viewer.size)
    }

    /// A client shows another size. Returns it when the client owns the size.
    pub(crate) fn resize(&mut self, client: ClientId, size: TerminalSize) -> Option<TerminalSize> {
        let viewer = self
            .viewers
            .iter_mut()
            .find(|viewer| viewer.client == client)?;
        viewer.size = Some(size);
        if self.owner.is_none() {
            self.owner = Some(client);
        }
        self.size_of_owner(client)
    }

    /// A client typed or asked for the ownership. Returns the size to apply when it changes hands.
    pub(crate) fn claim(&mut self, client: ClientId) -> Option<TerminalSize> {
        if self.owner == Some(client) {
            return None;
        }
        let size = self
            .viewers
            .iter()
            .find(|viewer| viewer.client == client)?
            .size?;
        self.owner = Some(client);
        Some(size)
    }

    fn size_of_owner(&self, client: ClientId) -> Option<TerminalSize> {
        let owner = self.owner.filter(|owner| *owner == client)?;
        self.viewers
            .iter()
            .find(|viewer| viewer.client == owner)?
            .size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESK: ClientId = ClientId(1);
    const PHONE: ClientId = ClientId(2);

    fn size(cols: u16) -> TerminalSize {
        TerminalSize { cols, rows: 24 }
    }

    #[test]
    fn the_first_client_with_a_size_owns_it_and_a_second_does_not_change_it() {
        let mut viewers = Viewers::default();
        assert_eq!(viewers.attach(DESK, Some(size(120))), Some(size(120)));
        assert_eq!(viewers.attach(PHONE, Some(size(40))), None);
        assert_eq!(viewers.resize(PHONE, size(50)), None);
        assert_eq!(viewers.resize(DESK, size(130)), Some(size(130)));
        assert_eq!(viewers.owner(), Some(DESK));
    }

    #[test]
    fn who_types_takes_the_size_and_leaving_gives_it_back() {
        let mut viewers = Viewers::default();
        viewers.attach(DESK, Some(size(120)));
        viewers.attach(PHONE, Some(size(40)));
        assert_eq!(viewers.claim(PHONE), Some(size(40)));
        assert_eq!(viewers.claim(PHONE), None, "it owns the size already");
        assert_eq!(viewers.detach(PHONE), Some(size(120)));
        assert_eq!(viewers.owner(), Some(DESK));
        assert_eq!(viewers.detach(DESK), None);
        assert_eq!(viewers.owner(), None);
    }

    #[test]
    fn a_reconnecting_client_keeps_its_ownership() {
        let mut viewers = Viewers::default();
        viewers.attach(DESK, Some(size(120)));
        viewers.attach(PHONE, Some(size(40)));
        viewers.attach(DESK, Some(size(120)));
        assert_eq!(viewers.detach(DESK), None, "the older connection ends");
        assert_eq!(viewers.owner(), Some(DESK));
    }

    #[test]
    fn a_client_without_a_size_never_owns_it() {
        let mut viewers = Viewers::default();
        assert_eq!(viewers.attach(PHONE, None), None);
        assert_eq!(viewers.claim(PHONE), None);
        assert_eq!(viewers.owner(), None);
    }
}

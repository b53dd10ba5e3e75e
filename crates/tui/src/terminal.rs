//! The terminal: taken, drawn to, and given back as it was, whatever happens.

use crate::model::Model;
use crate::settings::Desktop;
use crate::view::{self, Drawn};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    SetTitle, disable_raw_mode, enable_raw_mode, size,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{self, BufWriter, Stdout, Write, stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a frame that leave in one write; a full screen with colours is smaller.
const FRAME_BYTES: usize = 64 * 1024;

/// The terminal's stack of titles (XTWINOPS): ours is put on it and taken off.
const PUSH_TITLE: &str = "\x1b[22;0t";
const POP_TITLE: &str = "\x1b[23;0t";

/// Whether the terminal is in our hands. The panic hook has to know, and has nobody to ask.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal, in our hands until it is dropped.
pub struct Screen {
    backend: CrosstermBackend<BufWriter<Stdout>>,
    /// The cells that the terminal shows.
    shown: Buffer,
    drawn: Drawn,
    mouse: bool,
}

impl Screen {
    /// Takes the terminal. From here on a panic gives it back before it says anything.
    ///
    /// # Errors
    /// As for everything that writes to it: the terminal is gone, or is none.
    pub fn take(mouse: bool) -> io::Result<Self> {
        static HOOK: std::sync::Once = std::sync::Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                before(panic);
            }));
        });
        let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, stdout()));
        let mut screen = Self { backend, shown: Buffer::empty(Rect::ZERO), drawn: Drawn::default(), mouse };
        screen.take_again()?;
        Ok(screen)
    }

    /// Takes the terminal back after somebody else had it.
    pub fn take_again(&mut self) -> io::Result<()> {
        let taken = TAKEN.swap(true, Ordering::SeqCst);
        if taken {
            // Stopped and continued by others: a shell has changed the terminal's mode behind our back.
            disable_raw_mode()?;
        } else {
            queue!(self.backend, Print(PUSH_TITLE))?;
        }
        enable_raw_mode()?;
        execute!(self.backend, EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, Clear(ClearType::All))?;
        self.redraw();
        self.set_mouse(self.mouse)
    }

    /// Gives the terminal back for a while.
    pub fn lend(&mut self) {
        give_back();
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        size().unwrap_or((80, 24))
    }

    /// Draws what changed.
    pub fn draw(&mut self, model: &Model) -> io::Result<()> {
        queue!(self.backend, BeginSynchronizedUpdate, cursor::Hide)?;
        let area = Rect::new(0, 0, model.size.0, model.size.1);
        if self.shown.area != area {
            queue!(self.backend, Clear(ClearType::All))?;
            self.shown = Buffer::empty(area);
        }
        let mut next = Buffer::empty(area);
        self.drawn = view::draw(model, &mut next);
        self.backend.draw(self.shown.diff(&next).into_iter())?;
        self.shown = next;
        if let Some(at) = self.drawn.cursor {
            queue!(self.backend, cursor::MoveTo(at.x, at.y), cursor::Show)?;
        }
        execute!(self.backend, EndSynchronizedUpdate)
    }

    /// The next drawing writes every cell.
    pub fn redraw(&mut self) {
        self.shown = Buffer::empty(Rect::ZERO);
    }

    /// What is on the screen, for clicks.
    #[must_use]
    pub fn drawn(&self) -> &Drawn {
        &self.drawn
    }

    /// Whether the mouse is ours.
    pub fn set_mouse(&mut self, mouse: bool) -> io::Result<()> {
        self.mouse = mouse;
        let out = &mut self.backend;
        if mouse { execute!(out, EnableMouseCapture) } else { execute!(out, DisableMouseCapture) }
    }

    /// Rings.
    pub fn bell(&mut self) -> io::Result<()> {
        self.say("\x07")
    }

    /// A window title. Like every text that comes here it is clean: it cannot end the sequence.
    pub fn title(&mut self, title: &str) -> io::Result<()> {
        execute!(&mut self.backend, SetTitle(title))
    }

    /// Tells the desktop a clean text.
    pub fn notify(&mut self, desktop: Desktop, text: &str) -> io::Result<()> {
        match desktop {
            Desktop::Off => Ok(()),
            Desktop::Osc9 => self.say(&format!("\x1b]9;{text}\x1b\\")),
            Desktop::Osc777 => self.say(&format!("\x1b]777;notify;switchboard;{}\x1b\\", text.replace(';', ","))),
        }
    }

    /// Nothing but these lines, which the terminal wraps by itself.
    pub fn bare(&mut self, lines: &[String]) -> io::Result<()> {
        let out = &mut self.backend;
        queue!(out, DisableMouseCapture, Clear(ClearType::All), cursor::MoveTo(0, 0), cursor::Hide)?;
        for line in lines {
            queue!(out, Print(line), Print("\r\n"))?;
        }
        execute!(out, Print("-- any key goes back --"))
    }

    /// Back from the bare lines.
    pub fn clothed(&mut self) -> io::Result<()> {
        self.redraw();
        self.set_mouse(self.mouse)
    }

    fn say(&mut self, sequence: &str) -> io::Result<()> {
        execute!(&mut self.backend, Print(sequence))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was, once. A terminal that is gone cannot be, and needs not.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show,
        Print(POP_TITLE)
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
}

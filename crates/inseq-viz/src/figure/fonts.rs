//! Text as outlines: the font of each character, the glyphs of a text, their widths.

use std::cell::RefCell;
use std::collections::HashMap;

use rustybuzz::ttf_parser::{self, GlyphId, OutlineBuilder};
use rustybuzz::{Direction, UnicodeBuffer};
use unicode_bidi::BidiInfo;
use unicode_segmentation::UnicodeSegmentation;

const ROBOTO: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");
const DEJAVU: &[u8] = include_bytes!("../../fonts/DejaVuSans.ttf");

/// The fonts of a picture: those of this crate, then system fonts for the characters that they lack.
pub(crate) struct Fonts {
    files: RefCell<Vec<File>>,
    /// File of each character that was searched for.
    found: RefCell<HashMap<char, usize>>,
    system: RefCell<Option<fontdb::Database>>,
}

#[derive(Clone)]
struct File {
    data: std::sync::Arc<dyn AsRef<[u8]> + Send + Sync>,
    index: u32,
}

impl File {
    fn face(&self) -> Option<rustybuzz::Face<'_>> {
        rustybuzz::Face::from_slice((*self.data).as_ref(), self.index)
    }
}

/// A glyph of a text, in units of its size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Glyph {
    /// Index of the font file.
    pub file: usize,
    /// Index of the glyph in the file.
    pub id: u16,
    /// Horizontal position of its origin.
    pub x: f32,
    /// Height of its origin above the baseline.
    pub y: f32,
}

/// A text as glyphs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shaped {
    pub glyphs: Vec<Glyph>,
    /// Width of the text, in units of its size.
    pub width: f32,
}

impl Fonts {
    pub fn new() -> Self {
        let file = |data: &'static [u8]| File { data: std::sync::Arc::new(data), index: 0 };
        Self {
            files: RefCell::new(vec![file(ROBOTO), file(DEJAVU)]),
            found: RefCell::new(HashMap::new()),
            system: RefCell::new(None),
        }
    }

    /// Width of a text in points.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        self.shape(text).width * size
    }

    /// The glyphs of a text on one line, from left to right for every direction of the text.
    pub fn shape(&self, text: &str) -> Shaped {
        let mut shaped = Shaped::default();
        let bidi = BidiInfo::new(text, None);
        for paragraph in &bidi.paragraphs {
            let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
            for run in runs {
                let direction =
                    if levels[run.start].is_rtl() { Direction::RightToLeft } else { Direction::LeftToRight };
                let mut parts = self.by_font(&text[run]);
                if direction == Direction::RightToLeft {
                    parts.reverse();
                }
                for (file, part) in parts {
                    self.append(&mut shaped, file, &part, direction);
                }
            }
        }
        shaped
    }

    fn append(&self, shaped: &mut Shaped, file: usize, text: &str, direction: Direction) {
        let files = self.files.borrow();
        let Some(face) = files[file].face() else { return };
        let scale = 1.0 / f32::from(face.units_per_em().max(1) as u16);
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        buffer.guess_segment_properties();
        buffer.set_direction(direction);
        let glyphs = rustybuzz::shape(&face, &[], buffer);
        for (info, position) in glyphs.glyph_infos().iter().zip(glyphs.glyph_positions()) {
            shaped.glyphs.push(Glyph {
                file,
                id: info.glyph_id as u16,
                x: shaped.width + position.x_offset as f32 * scale,
                y: position.y_offset as f32 * scale,
            });
            shaped.width += position.x_advance as f32 * scale;
        }
    }

    /// The text in parts with one font each.
    fn by_font(&self, text: &str) -> Vec<(usize, String)> {
        let mut parts: Vec<(usize, String)> = Vec::new();
        for cluster in text.graphemes(true) {
            let file = self.file_of(cluster);
            match parts.last_mut() {
                Some((last, part)) if *last == file => part.push_str(cluster),
                _ => parts.push((file, cluster.to_owned())),
            }
        }
        parts
    }

    fn file_of(&self, cluster: &str) -> usize {
        let Some(first) = cluster.chars().next() else { return 0 };
        let has = |file: &File, character: char| file.face().is_some_and(|face| face.glyph_index(character).is_some());
        // The font that has the whole cluster, or else its first character.
        for characters in [cluster.chars().count(), 1] {
            let files = self.files.borrow();
            let all = |file: &File| cluster.chars().take(characters).all(|character| has(file, character));
            if let Some(file) = files.iter().position(all) {
                return file;
            }
        }
        if let Some(&file) = self.found.borrow().get(&first) {
            return file;
        }
        // DejaVu draws a box for what nobody has.
        let file = self.of_system(first).map_or(1, |file| {
            let mut files = self.files.borrow_mut();
            files.push(file);
            files.len() - 1
        });
        self.found.borrow_mut().insert(first, file);
        file
    }

    /// A system font that can draw a character; preferably upright and of regular weight.
    fn of_system(&self, character: char) -> Option<File> {
        let mut system = self.system.borrow_mut();
        let database = system.get_or_insert_with(|| {
            let mut database = fontdb::Database::new();
            database.load_system_fonts();
            database
        });
        let has = |id: fontdb::ID| {
            let parsed = database.with_face_data(id, |data, index| {
                let face = ttf_parser::Face::parse(data, index).ok()?;
                let glyph = face.glyph_index(character)?;
                // A font of colour pictures has no outlines.
                face.outline_glyph(glyph, &mut Outline::default())
            });
            parsed.flatten().is_some()
        };
        let mut faces: Vec<&fontdb::FaceInfo> = database.faces().collect();
        faces.sort_by_key(|face| {
            (
                face.style != fontdb::Style::Normal,
                face.weight.0.abs_diff(400),
                face.monospaced,
                face.post_script_name.clone(),
            )
        });
        let face = faces.into_iter().find(|face| has(face.id))?;
        let data = database.with_face_data(face.id, |data, _| data.to_vec())?;
        Some(File { data: std::sync::Arc::new(data), index: face.index })
    }

    /// The outline of a glyph as an SVG path, in units of the font (y up), and the number of units per em.
    pub fn outline(&self, file: usize, id: u16) -> (String, f32) {
        let files = self.files.borrow();
        let Some(face) = files[file].face() else { return (String::new(), 1.0) };
        let mut outline = Outline::default();
        face.outline_glyph(GlyphId(id), &mut outline);
        (outline.0, face.units_per_em() as f32)
    }
}

/// Writes an outline as a path.
#[derive(Default)]
struct Outline(String);

impl Outline {
    fn push(&mut self, command: char, points: &[f32]) {
        self.0.push(command);
        for (index, point) in points.iter().enumerate() {
            if index > 0 {
                self.0.push(' ');
            }
            self.0.push_str(&super::drawing::number(*point));
        }
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        self.push('M', &[x, y]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.push('L', &[x, y]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.push('Q', &[x1, y1, x, y]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.push('C', &[x1, y1, x2, y2, x, y]);
    }

    fn close(&mut self) {
        self.0.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        let fonts = Fonts::new();
        // Roboto's digits are 1150 of 2048 units wide.
        assert!((fonts.width("0123456789", 1.0) - 11_500.0 / 2048.0).abs() < 0.01);
        assert!(fonts.shape("▁a").glyphs.iter().map(|glyph| glyph.file).eq([1, 0]));
    }

    #[test]
    fn arabic_joins_and_runs_from_the_right() {
        let fonts = Fonts::new();
        let shaped = fonts.shape("قال");
        let apart: f32 = "قال".chars().map(|letter| fonts.width(&letter.to_string(), 1.0)).sum();
        assert!(shaped.width < apart, "joined letters are narrower than separate ones");
        // The last letter stands leftmost.
        let isolated = |glyph: usize| fonts.outline(shaped.glyphs[glyph].file, shaped.glyphs[glyph].id).0;
        let lam = fonts.shape("ل").glyphs[0];
        assert_eq!(isolated(0), fonts.outline(lam.file, lam.id).0);
    }
}

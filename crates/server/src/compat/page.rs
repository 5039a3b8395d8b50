//! The page envelope of the official API.

use serde::Serialize;

/// One page of `T`, cut from a whole list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    content: Vec<T>,
    total_elements: usize,
    total_pages: usize,
    size: usize,
    number: usize,
    number_of_elements: usize,
    first: bool,
    last: bool,
    empty: bool,
    sort: Sort,
    pageable: Pageable,
}

#[derive(Clone, Copy, Serialize)]
struct Sort {
    sorted: bool,
    unsorted: bool,
    empty: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pageable {
    sort: Sort,
    offset: usize,
    page_number: usize,
    page_size: usize,
    paged: bool,
    unpaged: bool,
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    number: usize,
    size: usize,
    is_sorted: bool,
}

const DEFAULT_SIZE: i64 = 20;
const MAX_SIZE: i64 = 1000;

impl Window {
    /// Takes what a client asked for within bounds: a page size it cannot have is mended rather than refused.
    pub fn new(number: Option<i64>, size: Option<i64>, is_sorted: bool) -> Self {
        Self {
            number: number.unwrap_or(0).clamp(0, i64::from(u32::MAX)) as usize,
            size: size.unwrap_or(DEFAULT_SIZE).clamp(1, MAX_SIZE) as usize,
            is_sorted,
        }
    }
}

impl<T> Page<T> {
    pub fn cut(all: Vec<T>, window: Window) -> Self {
        let Window { number, size, is_sorted } = window;
        let total = all.len();
        let offset = number.saturating_mul(size);
        let content: Vec<T> = all.into_iter().skip(offset).take(size).collect();
        let sort = Sort { sorted: is_sorted, unsorted: !is_sorted, empty: !is_sorted };
        Self {
            total_elements: total,
            total_pages: total.div_ceil(size),
            size,
            number,
            number_of_elements: content.len(),
            first: number == 0,
            last: offset.saturating_add(size) >= total,
            empty: content.is_empty(),
            sort,
            pageable: Pageable { sort, offset, page_number: number, page_size: size, paged: true, unpaged: false },
            content,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_say_where_they_stand() {
        let page = |number, size| Page::cut((0..5).collect(), Window::new(Some(number), Some(size), false));
        let facts = |page: &Page<i32>| (page.content.clone(), page.total_pages, page.first, page.last, page.empty);
        assert_eq!(facts(&page(0, 2)), (vec![0, 1], 3, true, false, false));
        assert_eq!(facts(&page(2, 2)), (vec![4], 3, false, true, false));
        assert_eq!(facts(&page(9, 2)), (vec![], 3, false, true, true));
        assert_eq!(facts(&page(-1, 0)), (vec![0], 5, true, false, false));
    }
}

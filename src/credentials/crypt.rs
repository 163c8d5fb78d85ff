//! crypt(3) with DES: what a password becomes before it travels, with the user's name as salt.
//!
//! Both sides compute the same text, so every oddity of libxcrypt (Debian 12) is kept, the
//! failure tokens too. The tables are those of FIPS 46-3.

/// The result of a salt or a password that cannot be used.
const FAILURE: &[u8] = b"*0";
/// The same where the salt itself begins with [`FAILURE`]: a result never equals its salt.
const OTHER_FAILURE: &[u8] = b"*1";
/// A password of this length or more fails.
const TOO_LONG: usize = 512;
/// The 64 characters that stand for the numbers from 0.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Encrypts `password` with `salt` as libxcrypt's `crypt` does. Each ends at its first NUL.
///
/// | salt                                            | method          | result              |
/// |-------------------------------------------------|-----------------|---------------------|
/// | two of `./0-9A-Za-z`, then anything             | traditional DES | 13 characters       |
/// | the same, over 13 long; password over 8         | bigcrypt        | 24 to 178           |
/// | `_`, four for the count, four for the salt      | BSDi extended   | 20 characters       |
/// | any other                                       | none            | `*0`, for `*0` `*1` |
///
/// A blank, a control byte, one of `! * : ; \` or a byte above 126 anywhere in the salt, or a
/// password of 512 bytes and more, gives `*0` as well. Traditional DES reads 8 characters of
/// the password, bigcrypt 128.
///
/// Limit: libxcrypt's other methods, whose salts begin with `$`, are not here and give `*0`.
/// The time of the extended form is for its count to say: two seconds at the largest.
#[must_use]
pub fn crypt(password: &[u8], salt: &[u8]) -> Vec<u8> {
    let (password, salt) = (up_to_nul(password), up_to_nul(salt));
    if password.len() >= TOO_LONG || !salt.iter().all(|&byte| may_stand_in_a_salt(byte)) {
        return failure(salt);
    }
    let encrypted = match salt {
        [b'_', ..] => extended(password, salt),
        _ if salt.len() > 13 && password.len() > 8 => bigcrypt(password, salt),
        _ => traditional(password, salt),
    };
    encrypted.unwrap_or_else(|| failure(salt))
}

fn up_to_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn failure(salt: &[u8]) -> Vec<u8> {
    let clash = salt.starts_with(FAILURE);
    if clash { OTHER_FAILURE } else { FAILURE }.to_vec()
}

fn may_stand_in_a_salt(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br"!*:;\".contains(&byte)
}

fn traditional(password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    let prefix = salt.get(..2)?;
    let key = key_from(password);
    let block = Schedule::new(key).encrypt(0, number(prefix)?, 25);
    Some(with_block(prefix, block))
}

/// Every 8 characters of the password are encrypted with the result before them as salt.
fn bigcrypt(password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    const MOST_PARTS: usize = 16;
    let mut parts = password.chunks(8).take(MOST_PARTS);
    let mut result = traditional(parts.next()?, salt)?;
    let mut next_salt = 2;
    for part in parts {
        let encrypted = traditional(part, &result[next_salt..])?;
        next_salt = result.len();
        result.extend_from_slice(&encrypted[2..]);
    }
    Some(result)
}

fn extended(password: &[u8], salt: &[u8]) -> Option<Vec<u8>> {
    let prefix = salt.get(..9)?;
    let count = number(&prefix[1..5])?;
    let salt = number(&prefix[5..9])?;
    let mut parts = password.chunks(8);
    let mut key = key_from(parts.next().unwrap_or_default());
    for part in parts {
        key = Schedule::new(key).encrypt(key, 0, 1) ^ key_from(part);
    }
    let block = Schedule::new(key).encrypt(0, salt, count.max(1));
    Some(with_block(prefix, block))
}

/// Seven bits of each character, above the parity bit that DES leaves out.
fn key_from(characters: &[u8]) -> u64 {
    let mut key = [0; 8];
    for (byte, character) in key.iter_mut().zip(characters) {
        *byte = character << 1;
    }
    u64::from_be_bytes(key)
}

/// The number that characters of the alphabet make, lowest first; `None` for any other.
fn number(characters: &[u8]) -> Option<u32> {
    let digits = characters.iter().rev();
    digits
        .map(|character| ALPHABET.iter().position(|known| known == character))
        .try_fold(0, |sum, digit| Some(sum << 6 | digit? as u32))
}

fn with_block(prefix: &[u8], block: u64) -> Vec<u8> {
    // Eleven characters hold 66 bits: two zeros follow the block.
    let bits = u128::from(block) << 2;
    let sixes = (0..11).rev().map(|i| (bits >> (6 * i)) as usize & 63);
    let characters = sixes.map(|six| ALPHABET[six]);
    prefix.iter().copied().chain(characters).collect()
}

/// The sixteen keys of the rounds, each in two halves of 24 bits.
struct Schedule([(u32, u32); 16]);

impl Schedule {
    fn new(key: u64) -> Self {
        let chosen = permuted(key, 64, &KEY_BITS);
        let (mut c, mut d) = (chosen >> 28, chosen & HALF_KEY);
        Self(LEFT_SHIFTS.map(|shift| {
            c = (c << shift | c >> (28 - shift)) & HALF_KEY;
            d = (d << shift | d >> (28 - shift)) & HALF_KEY;
            let round = permuted(c << 28 | d, 56, &ROUND_KEY_BITS);
            ((round >> 24) as u32, round as u32 & 0xff_ffff)
        }))
    }

    /// DES applied `count` times. Bit n of `salt`, from the lowest, swaps the bits n + 1 and
    /// n + 25 of every expansion.
    fn encrypt(&self, block: u64, salt: u32, count: u32) -> u64 {
        let swapped = salt.reverse_bits() >> 8;
        let start = permuted(block, 64, &INITIAL);
        let (mut left, mut right) = ((start >> 32) as u32, start as u32);
        // Between two applications the final and the initial permutation cancel out.
        for _ in 0..count {
            for &(high_key, low_key) in &self.0 {
                let (high, low) = (expanded(right), expanded(right.rotate_left(16)));
                let swap = (high ^ low) & swapped;
                let answer = substituted(high ^ swap ^ high_key, &SUBSTITUTION[..4])
                    | substituted(low ^ swap ^ low_key, &SUBSTITUTION[4..]);
                (left, right) = (right, left ^ answer);
            }
            (left, right) = (right, left);
        }
        permuted(u64::from(left) << 32 | u64::from(right), 64, &FINAL)
    }
}

/// The first half of the expansion: four groups of six, each a nibble with both neighbours.
fn expanded(half: u32) -> u32 {
    let group = |nibble: u32| half.rotate_left(4 * nibble + 5) & 63;
    group(0) << 18 | group(1) << 12 | group(2) << 6 | group(3)
}

/// What four S-boxes make of 24 bits.
fn substituted(bits: u32, boxes: &[[u32; 64]]) -> u32 {
    let sixes = [bits >> 18, bits >> 12, bits >> 6, bits];
    let answers = boxes.iter().zip(sixes);
    answers.fold(0, |all, (table, six)| all | table[(six & 63) as usize])
}

/// The bits of `bits`, which has `width` of them, that `table` names: 1 is the leftmost.
const fn permuted(bits: u64, width: usize, table: &[u8]) -> u64 {
    let (mut result, mut i) = (0, 0);
    while i < table.len() {
        result = result << 1 | (bits >> (width - table[i] as usize)) & 1;
        i += 1;
    }
    result
}

/// The answers of the S-boxes to every six bits, already moved by the permutation P.
static SUBSTITUTION: [[u32; 64]; 8] = {
    let mut answers = [[0; 64]; 8];
    let mut i = 0;
    while i < 8 * 64 {
        let (number, six) = (i / 64, i % 64);
        let (row, column) = ((six >> 4 & 2) | (six & 1), six >> 1 & 15);
        let four = S_BOXES[number][row] >> (60 - 4 * column) & 15;
        answers[number][six] = permuted(four << (28 - 4 * number), 32, &P) as u32;
        i += 1;
    }
    answers
};

/// The inverse of the initial permutation.
const FINAL: [u8; 64] = {
    let mut inverse = [0; 64];
    let mut i = 0;
    while i < 64 {
        inverse[INITIAL[i] as usize - 1] = i as u8 + 1;
        i += 1;
    }
    inverse
};

const HALF_KEY: u64 = (1 << 28) - 1;
const LEFT_SHIFTS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

#[rustfmt::skip]
const INITIAL: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4,
    62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32, 24, 16, 8,
    57, 49, 41, 33, 25, 17,  9, 1, 59, 51, 43, 35, 27, 19, 11, 3,
    61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47, 39, 31, 23, 15, 7,
];

/// Permuted choice 1.
#[rustfmt::skip]
const KEY_BITS: [u8; 56] = [
    57, 49, 41, 33, 25, 17,  9,  1, 58, 50, 42, 34, 26, 18,
    10,  2, 59, 51, 43, 35, 27, 19, 11,  3, 60, 52, 44, 36,
    63, 55, 47, 39, 31, 23, 15,  7, 62, 54, 46, 38, 30, 22,
    14,  6, 61, 53, 45, 37, 29, 21, 13,  5, 28, 20, 12,  4,
];

/// Permuted choice 2.
#[rustfmt::skip]
const ROUND_KEY_BITS: [u8; 48] = [
    14, 17, 11, 24,  1,  5,  3, 28, 15,  6, 21, 10,
    23, 19, 12,  4, 26,  8, 16,  7, 27, 20, 13,  2,
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48,
    44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];

#[rustfmt::skip]
const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17,  1, 15, 23, 26,  5, 18, 31, 10,
     2, 8, 24, 14, 32, 27,  3,  9, 19, 13, 30,  6, 22, 11,  4, 25,
];

/// Four rows of sixteen nibbles each.
#[rustfmt::skip]
const S_BOXES: [[u64; 4]; 8] = [
    [0xe4d1_2fb8_3a6c_5907, 0x0f74_e2d1_a6cb_9538, 0x41e8_d62b_fc97_3a50, 0xfc82_4917_5b3e_a06d],
    [0xf18e_6b34_972d_c05a, 0x3d47_f28e_c01a_69b5, 0x0e7b_a4d1_58c6_932f, 0xd8a1_3f42_b67c_05e9],
    [0xa09e_63f5_1dc7_b428, 0xd709_346a_285e_cbf1, 0xd649_8f30_b12c_5ae7, 0x1ad0_6987_4fe3_b52c],
    [0x7de3_069a_1285_bc4f, 0xd8b5_6f03_472c_1ae9, 0xa690_cb7d_f13e_5284, 0x3f06_a1d8_945b_c72e],
    [0x2c41_7ab6_853f_d0e9, 0xeb2c_47d1_50fa_3986, 0x421b_ad78_f9c5_630e, 0xb8c7_1e2d_6f09_a453],
    [0xc1af_9268_0d34_e75b, 0xaf42_7c95_61de_0b38, 0x9ef5_28c3_704a_1db6, 0x432c_95fa_be17_608d],
    [0x4b2e_f08d_3c97_5a61, 0xd0b7_491a_e35c_2f86, 0x14bd_c37e_af68_0592, 0x6bd8_14a7_950f_e23c],
    [0xd284_6fb1_a93e_50c7, 0x1fd8_a374_c56b_0e92, 0x7b41_9ce2_06ad_f358, 0x21e7_4a8d_fc90_356b],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn gives(password: &[u8], salt: &[u8], expected: &str) {
        let text = crypt(password, salt);
        assert_eq!(text.escape_ascii().to_string(), expected);
    }

    #[test]
    fn traditional_des_gives_what_libxcrypt_gives() {
        gives(b"rootpw", b"root", "roPjs71m8S6JA");
        gives(b"secret", b"fred", "frrkUcE9qDkFs");
        gives(b"s", b"a.b", "a.NH6JXmaOfR6");
        gives(b"", b"ab", "abmF1QH4PEr.E");
        gives(b"12345678", b"./", "./qw5JW./79Vg");
        gives(b"123456789", b"zz", "zzRtj6pNdfpLE");
        gives(b"p\xe4\xdf w\xf6rt", b"ZZtop", "ZZ5bvCk5.PHuc");
        gives(b"\xff\x80\x7f", b"09", "09WCQgKYP3AOs");
        gives(b"ab$!#", b"emos_user", "emCDhLgEhDg.2");
    }

    #[test]
    fn a_salt_over_13_long_and_a_password_over_8_give_bigcrypt() {
        gives(b"12345678", b"operational_user", "opoPPVcMVd33s");
        gives(
            b"123456789",
            b"operational_user",
            "opoPPVcMVd33s7laBwjR8E/Y",
        );
        gives(
            b"correct horse battery",
            b"operational_user",
            "op3Flth6IBR7klpsL7svcABAVSo2MjVZis.",
        );
        gives(b"123456789", b"thirteenchars", "thKcEYDVzryp.");
    }

    #[test]
    fn an_underscore_and_eight_characters_select_extended_des() {
        gives(b"rasmuslerdorf", b"_J9..rasm", "_J9..rasmBYk8r9AiWNc");
        gives(b"", b"_0.......", "_0..................");
        gives(b"sesame", b"_........", "_........Toylf5Oxl6I");
        gives(b"sesame", b"_/.......", "_/.......Toylf5Oxl6I");
        gives(
            b"p\xe4ssword that is long",
            b"_23..oper_and_more",
            "_23..oper4FxnJ91qrQQ",
        );
    }

    #[test]
    fn a_salt_that_cannot_be_used_gives_the_failure_token() {
        for salt in [
            "",
            "r",
            "x_",
            "_ab",
            "-ab",
            "\u{e9}1",
            "$6$ab$",
            "_J9..ras-",
        ] {
            gives(b"sesame", salt.as_bytes(), "*0");
        }
        for salt in [
            "ab c", "ab\t", "ab:", "ab;", "ab*", "ab!", r"ab\", "ab\u{e9}",
        ] {
            gives(b"sesame", salt.as_bytes(), "*0");
        }
    }

    #[test]
    fn the_failure_of_a_failure_token_is_the_other_token() {
        gives(b"sesame", b"*0", "*1");
        gives(b"sesame", b"*0ab", "*1");
        gives(b"sesame", b"*1", "*0");
    }

    #[test]
    fn a_password_and_a_salt_end_at_their_first_nul() {
        assert_eq!(crypt(b"root\0pw", b"ab"), crypt(b"root", b"ab"));
        gives(b"rootpw", b"root\0 ", "roPjs71m8S6JA");
        gives(b"rootpw", b"r\0oot", "*0");
    }

    #[test]
    fn a_password_of_512_bytes_fails() {
        assert_eq!(crypt(&[b'x'; 511], b"ab"), crypt(b"xxxxxxxx", b"ab"));
        gives(&[b'x'; 512], b"ab", "*0");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_token_or_start_with_the_salt(password: Vec<u8>, salt: Vec<u8>) {
            let text = crypt(&password, &salt);
            proptest::prop_assert!(text.is_ascii());
            proptest::prop_assert!(text.len() == 2 || text[..2] == salt[..2]);
        }
    }
}

//! Rows as a Parquet file, a group of rows at a time.
//!
//! | asof | Parquet |
//! |---|---|
//! | boolean, long, float, double | BOOLEAN, INT64, FLOAT, DOUBLE |
//! | ref | INT64, the entity's id |
//! | instant | INT64, TIMESTAMP in microseconds, UTC |
//! | string, uri, keyword, symbol | BYTE_ARRAY, STRING |
//! | bigint, bigdec | BYTE_ARRAY, STRING: they have no largest number of digits |
//! | uuid | FIXED_LEN_BYTE_ARRAY(16), UUID; in a list STRING, since pandas reads no list of them |
//! | bytes | BYTE_ARRAY |
//! | tuple, and columns of several types | BYTE_ARRAY, STRING: as EDN |
//!
//! Every column is optional. One that may have several values is a LIST of required elements.

use std::sync::Arc;

use asof::datom::ValueType;
use asof::edn::{Edn, Node};
use asof::error::{Code, Error, Result};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::{Cell, Column, Output, Sink, text};

/// A group of rows ends at this many rows or bytes.
const GROUP_ROWS_MAX: usize = 100_000;
const GROUP_BYTES_MAX: usize = 32 << 20;

fn failed(e: ParquetError) -> Error {
    // What the file system said is told as what it is.
    match e {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(io) => Error::from(*io),
            Err(other) => Error::new(Code::Io, format!("cannot write Parquet: {other}")),
        },
        e => Error::new(Code::Io, format!("cannot write Parquet: {e}")),
    }
}

/// A file being written.
pub struct Parquet<'a> {
    file: SerializedFileWriter<Output<'a>>,
    columns: Vec<Buffer>,
    rows: usize,
    bytes: usize,
}

/// The values of a column in a group of rows.
struct Buffer {
    ty: Option<ValueType>,
    many: bool,
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

enum Values {
    Bools(Vec<bool>),
    Longs(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Texts(Vec<ByteArray>),
    Raw(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

impl Values {
    fn of(ty: Option<ValueType>) -> Values {
        match ty {
            Some(ValueType::Boolean) => Values::Bools(Vec::new()),
            Some(ValueType::Long | ValueType::Ref | ValueType::Instant) => Values::Longs(Vec::new()),
            Some(ValueType::Float) => Values::Floats(Vec::new()),
            Some(ValueType::Double) => Values::Doubles(Vec::new()),
            Some(ValueType::Uuid) => Values::Fixed(Vec::new()),
            Some(ValueType::Bytes) => Values::Raw(Vec::new()),
            _ => Values::Texts(Vec::new()),
        }
    }

    /// Appends a value; gives its size.
    fn push(&mut self, value: &Edn) -> usize {
        match (self, &value.node) {
            (Values::Bools(list), Node::Bool(b)) => list.push(*b),
            (Values::Longs(list), Node::Long(n)) => list.push(*n),
            (Values::Longs(list), Node::Inst(i)) => list.push(i.0),
            (Values::Doubles(list), Node::Double(x)) => list.push(*x),
            (Values::Floats(list), Node::Double(x)) => list.push(*x as f32),
            (Values::Fixed(list), Node::Uuid(u)) => list.push(ByteArray::from(u.as_bytes().to_vec()).into()),
            (Values::Raw(list), Node::Bytes(bytes)) => {
                list.push(ByteArray::from(bytes.to_vec()));
                return bytes.len() + 8;
            }
            (Values::Texts(list), _) => {
                let text = text::text(value).into_bytes();
                let size = text.len() + 8;
                list.push(ByteArray::from(text));
                return size;
            }
            _ => unreachable!("a column with a type has values of that type only"),
        }
        8
    }
}

/// The type that a column has in the file; `None` is text.
fn held(column: &Column) -> Option<ValueType> {
    column.ty.filter(|ty| !(column.many && *ty == ValueType::Uuid))
}

fn element(name: &str, ty: Option<ValueType>, repetition: Repetition) -> Result<Type> {
    let (physical, logical) = match ty {
        Some(ValueType::Boolean) => (Physical::BOOLEAN, None),
        Some(ValueType::Long | ValueType::Ref) => (Physical::INT64, None),
        Some(ValueType::Instant) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        Some(ValueType::Float) => (Physical::FLOAT, None),
        Some(ValueType::Double) => (Physical::DOUBLE, None),
        Some(ValueType::Uuid) => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid)),
        Some(ValueType::Bytes) => (Physical::BYTE_ARRAY, None),
        _ => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let length = if physical == Physical::FIXED_LEN_BYTE_ARRAY {
        16
    } else {
        -1
    };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    builder
        .with_length(length)
        .with_logical_type(logical)
        .build()
        .map_err(failed)
}

fn field(column: &Column) -> Result<TypePtr> {
    if !column.many {
        return Ok(Arc::new(element(&column.name, held(column), Repetition::OPTIONAL)?));
    }
    let inner = Arc::new(element("element", held(column), Repetition::REQUIRED)?);
    let list = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![inner]);
    let list = Arc::new(list.build().map_err(failed)?);
    let outer = Type::group_type_builder(&column.name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![list]);
    Ok(Arc::new(outer.build().map_err(failed)?))
}

impl<'a> Parquet<'a> {
    pub fn new(out: Output<'a>, columns: &[Column]) -> Result<Parquet<'a>> {
        let fields = columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("asof")
            .with_fields(fields)
            .build()
            .map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("asof {}", env!("CARGO_PKG_VERSION")))
            .build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let buffer = |column: &Column| Buffer {
            ty: held(column),
            many: column.many,
            values: Values::of(held(column)),
            definitions: Vec::new(),
            repetitions: Vec::new(),
        };
        Ok(Parquet {
            file,
            columns: columns.iter().map(buffer).collect(),
            rows: 0,
            bytes: 0,
        })
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(failed)?;
        for column in &mut self.columns {
            column.write(&mut group).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Buffer {
    /// A cell: 0 nothing, then an empty list, then a value; a value alone is 1.
    fn push(&mut self, cell: &Cell) -> usize {
        let values: &[Edn] = match cell {
            Cell::Nothing => &[],
            Cell::One(value) => std::slice::from_ref(value),
            Cell::Many(values) => values,
        };
        if values.is_empty() {
            self.definitions.push(0);
            self.repetitions.push(0);
            return 2;
        }
        let mut bytes = 0;
        // A column of one value holds one, whatever an older schema allowed.
        let values = if self.many { values } else { &values[..1] };
        for (i, value) in values.iter().enumerate() {
            self.definitions.push(if self.many { 2 } else { 1 });
            self.repetitions.push(i16::from(i > 0));
            bytes += self.values.push(value);
        }
        bytes
    }

    fn write<W: std::io::Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let (definitions, repetitions) = (
            std::mem::take(&mut self.definitions),
            std::mem::take(&mut self.repetitions),
        );
        let repetitions = self.many.then_some(repetitions.as_slice());
        let values = std::mem::replace(&mut self.values, Values::of(self.ty));
        match values {
            Values::Bools(list) => column::<BoolType, W>(group, &list, &definitions, repetitions),
            Values::Longs(list) => column::<Int64Type, W>(group, &list, &definitions, repetitions),
            Values::Floats(list) => column::<FloatType, W>(group, &list, &definitions, repetitions),
            Values::Doubles(list) => column::<DoubleType, W>(group, &list, &definitions, repetitions),
            Values::Texts(list) | Values::Raw(list) => {
                column::<ByteArrayType, W>(group, &list, &definitions, repetitions)
            }
            Values::Fixed(list) => column::<FixedLenByteArrayType, W>(group, &list, &definitions, repetitions),
        }
    }
}

fn column<D: DataType, W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[D::T],
    definitions: &[i16],
    repetitions: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut writer = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("the file has fewer columns than the table".to_string()))?;
    writer
        .typed::<D>()
        .write_batch(values, Some(definitions), repetitions)?;
    writer.close()
}

impl Sink for Parquet<'_> {
    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += column.push(cell);
        }
        self.rows += 1;
        match self.rows >= GROUP_ROWS_MAX || self.bytes >= GROUP_BYTES_MAX {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.flush()?;
        self.file.close().map_err(failed)?;
        Ok(())
    }
}

# Encrypts a data bag item with Ruby's own OpenSSL as Chef does, version 3: JSON in on standard input, JSON out.
#   ruby item.rb SECRET-FILE < {"id": …, …}
require "json"
require "openssl"

secret = File.read(ARGV.fetch(0)).strip
key = OpenSSL::Digest::SHA256.digest(secret)
base64 = ->(bytes) { [bytes].pack("m") }

item = JSON.parse($stdin.read).to_h do |name, value|
  next [name, value] if name == "id"

  cipher = OpenSSL::Cipher.new("aes-256-gcm").encrypt
  cipher.key = key
  iv = cipher.random_iv
  cipher.auth_data = ""
  data = cipher.update(JSON.generate("json_wrapper" => value)) + cipher.final
  [name, { "encrypted_data" => base64.(data), "iv" => base64.(iv), "auth_tag" => base64.(cipher.auth_tag),
           "version" => 3, "cipher" => "aes-256-gcm" }]
end
puts JSON.generate(item)
